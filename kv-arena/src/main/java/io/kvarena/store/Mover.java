package io.kvarena.store;

import io.kvarena.tier.TierException;
import java.lang.System.Logger.Level;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import org.agrona.collections.LongArrayList;
import org.jspecify.annotations.Nullable;

/**
 * Moves pages between steps, on one virtual thread that starts when there is something to do.
 * Nobody waits for it: what it is asked to do once more while it does it is done once, and pages
 * that find its queue full are copied when they leave.
 */
final class Mover {

  private static final int PAGES_MAX = 4096;
  private static final int BATCH_PAGES = 64;
  private static final long PAUSE_NANOS = 1_000_000;
  private static final int TRIES_MAX = 10;

  /** What is done when somebody has asked. */
  interface Task {
    /**
     * Moves what is to be moved now.
     *
     * @param goesOn whether the cache stays open
     * @return whether it is worth trying again soon
     */
    boolean run(Offload offload, BooleanSupplier goesOn);
  }

  private final Offload offload;
  private final Task task;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  /** Held while pages move. */
  private final ReentrantLock moving = new ReentrantLock();

  private LongArrayList queue = new LongArrayList();
  private boolean asked;
  private @Nullable Thread thread;
  private volatile boolean closed;

  Mover(Offload offload, Task task) {
    this.offload = offload;
    this.task = task;
  }

  /** Has a sealed page copied to the tier, if it is still there then. */
  void copy(long page) {
    lock.lock();
    try {
      if (queue.size() < PAGES_MAX) {
        queue.addLong(page);
        wake();
      }
    } finally {
      lock.unlock();
    }
  }

  /** Has the task done, from its beginning. */
  void ask() {
    lock.lock();
    try {
      asked = true;
      wake();
    } finally {
      lock.unlock();
    }
  }

  private void wake() {
    if (thread == null && !closed) {
      thread = Thread.ofVirtual().name("kv-arena-mover").start(this::run);
    }
    changed.signal();
  }

  private void run() {
    int tries = 0;
    while (!closed) {
      LongArrayList pages;
      boolean wanted;
      if (tries > 0) {
        LockSupport.parkNanos(PAUSE_NANOS);
      }
      lock.lock();
      try {
        tries = asked ? 0 : tries;
        asked |= tries > 0;
        while (!closed && !asked && queue.isEmpty()) {
          changed.awaitUninterruptibly();
        }
        pages = queue;
        queue = new LongArrayList();
        wanted = asked;
        asked = false;
      } finally {
        lock.unlock();
      }
      boolean again = move(pages, wanted);
      tries = again && tries < TRIES_MAX ? tries + 1 : 0;
    }
  }

  private boolean move(LongArrayList pages, boolean wanted) {
    moving.lock();
    try {
      for (int from = 0; from < pages.size() && !closed; from += BATCH_PAGES) {
        LongArrayList batch = new LongArrayList();
        for (int i = from; i < Math.min(pages.size(), from + BATCH_PAGES); i++) {
          batch.addLong(pages.getLong(i));
        }
        offload.copy(batch);
      }
      return wanted && !closed && task.run(offload, () -> !closed);
    } catch (TierException failed) {
      // A step that needs the room meets the same, and tells its caller.
      return false;
    } catch (RuntimeException failed) {
      closed = true;
      System.getLogger("io.kvarena.store")
          .log(Level.WARNING, "nothing is moved between steps any more: the policy failed", failed);
      return false;
    } finally {
      moving.unlock();
    }
  }

  /** Does something while no page moves here. */
  void whileStill(Runnable other) {
    moving.lock();
    try {
      other.run();
    } finally {
      moving.unlock();
    }
  }

  /**
   * Ends when the batch under way has ended. Never interrupts, as files close when that happens.
   */
  void close() {
    Thread running;
    lock.lock();
    try {
      closed = true;
      changed.signal();
      running = thread;
    } finally {
      lock.unlock();
    }
    boolean interrupted = false;
    while (running != null && running.isAlive()) {
      try {
        running.join();
      } catch (InterruptedException stop) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
