package io.kvarena.store;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The threads on which a cache folds: the caller's and {@code threads - 1} daemon threads, which
 * start with the first call that has work for them.
 *
 * <p>The pool serves one call at a time; a call that finds it busy does all its units itself, so
 * engines with threads of their own are not slowed down. Nothing is allocated in a call.
 */
class FoldPool {

  /** Work in units that may be done in any order and on any thread. */
  interface Job {
    void perform(int unit, Workspace workspace);
  }

  /** How long a thread without work looks for some before it parks: about what waking one costs. */
  private static final long YIELD_NANOS = 20_000;

  private static final AtomicInteger POOLS = new AtomicInteger();

  /*
   * Claims.
   *
   * `claims` holds the number of units in its upper half and the next unit in its lower half.
   * Whoever adds 1 to it owns the unit that it found there, if there is such a unit. A thread that
   * comes late, when the job is done, finds none; if another job has begun in between, the unit is
   * one of the new job, all of whose fields were written before `claims` was set: so a claim needs
   * no lock and a late thread can do no harm.
   */
  private final AtomicLong claims = new AtomicLong();

  private final AtomicInteger pending = new AtomicInteger();
  private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
  private final AtomicBoolean busy = new AtomicBoolean();
  private final AtomicIntegerArray parked;
  private final Thread[] threads;
  private final Workspaces workspaces;
  private final int number = POOLS.incrementAndGet();
  private @Nullable Job job;
  private volatile @Nullable Thread waiting;
  private volatile boolean closed;
  private boolean started;

  /**
   * A pool of {@code threads}, the caller's counted.
   *
   * @param workspaces where each thread takes its scratch from
   */
  FoldPool(int threads, Workspaces workspaces) {
    this.workspaces = workspaces;
    this.threads = new Thread[threads - 1];
    parked = new AtomicIntegerArray(threads - 1);
    for (int i = 0; i < this.threads.length; i++) {
      int index = i;
      Thread thread = new Thread(() -> serve(index), "kvarena-fold-" + number + "-" + (i + 1));
      thread.setDaemon(true);
      this.threads[i] = thread;
    }
  }

  /** Threads that work on a call, the caller's counted. */
  int threads() {
    return threads.length + 1;
  }

  /**
   * Does all units of {@code work} and returns when the last one is done. If one throws, those not
   * begun are left out, those under way are waited for, and it is thrown here.
   */
  void run(Job work, int units, Workspace own) {
    if (units < 2 || threads.length == 0 || !busy.compareAndSet(false, true)) {
      for (int unit = 0; unit < units; unit++) {
        work.perform(unit, own);
      }
      return;
    }
    try {
      share(work, units, own);
    } finally {
      busy.set(false);
    }
  }

  private void share(Job work, int units, Workspace own) {
    start();
    failure.set(null);
    job = work;
    pending.set(units);
    claims.set((long) units << 32);
    wake(units - 1);
    work(own);
    await();
    job = null;
    Throwable thrown = failure.get();
    if (thrown instanceof RuntimeException exception) {
      throw exception;
    }
    if (thrown instanceof Error error) {
      throw error;
    }
  }

  private void start() {
    if (!started && !closed) {
      started = true;
      for (Thread thread : threads) {
        thread.start();
      }
    }
  }

  private void wake(int most) {
    for (int i = 0, woken = 0; i < threads.length && woken < most; i++) {
      if (parked.get(i) != 0) {
        LockSupport.unpark(threads[i]);
        woken++;
      }
    }
  }

  private boolean hasUnits() {
    long seen = claims.get();
    return (int) seen < (int) (seen >>> 32);
  }

  /** Does units until none is left to claim. */
  private void work(Workspace workspace) {
    while (hasUnits()) {
      long claim = claims.getAndIncrement();
      int unit = (int) claim;
      if (unit >= (int) (claim >>> 32)) {
        return;
      }
      try {
        Job current = job;
        if (current != null && failure.get() == null) {
          current.perform(unit, workspace);
        }
      } catch (Throwable thrown) {
        failure.compareAndSet(null, thrown);
      }
      if (pending.decrementAndGet() == 0) {
        LockSupport.unpark(waiting);
      }
    }
  }

  /** Waits for the units that other threads have claimed. */
  private void await() {
    long until = System.nanoTime() + YIELD_NANOS;
    while (pending.get() > 0 && System.nanoTime() - until < 0) {
      giveWay();
    }
    if (pending.get() == 0) {
      return;
    }
    waiting = Thread.currentThread();
    boolean interrupted = false;
    while (pending.get() > 0) {
      LockSupport.park(this);
      // A kernel cannot be stopped half-way; the caller learns of the interrupt afterwards.
      interrupted |= Thread.interrupted();
    }
    waiting = null;
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** Lets others run. A hint: nothing but how soon work is seen depends on it. */
  @SuppressWarnings("ThreadPriorityCheck")
  private static void giveWay() {
    Thread.yield();
  }

  /** The life of a pool thread. */
  private void serve(int index) {
    Workspace workspace = workspaces.borrow();
    while (!closed) {
      work(workspace);
      long until = System.nanoTime() + YIELD_NANOS;
      while (!hasUnits() && !closed && System.nanoTime() - until < 0) {
        giveWay();
      }
      if (!hasUnits() && !closed) {
        park(index);
      }
    }
    workspaces.giveBack(workspace);
  }

  private void park(int index) {
    parked.set(index, 1);
    // Looked at again: who publishes units first writes `claims` and then reads `parked`.
    if (!hasUnits() && !closed) {
      LockSupport.park(this);
    }
    parked.set(index, 0);
  }

  /** Ends the threads, which must have nothing to do any more, and waits until they are gone. */
  void close() {
    while (!busy.compareAndSet(false, true)) {
      LockSupport.parkNanos(20_000);
    }
    closed = true;
    boolean interrupted = false;
    for (Thread thread : threads) {
      LockSupport.unpark(thread);
      while (thread.isAlive()) {
        try {
          thread.join();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    }
    busy.set(false);
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
