package io.kvarena.store;

import io.kvarena.ClosedException;
import io.kvarena.DraftTree;
import io.kvarena.KvEvent;
import io.kvarena.KvSequence;
import io.kvarena.SequenceBusyException;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import org.jspecify.annotations.Nullable;

/** The handle of a sequence: lets one thread at a time in and nobody after close. */
final class HostSequence implements KvSequence {

  private final HostCache cache;
  private final SequenceGate gate;
  private final SequenceContent content;
  private Cleaner.@Nullable Cleanable leakWatch;

  HostSequence(HostCache cache, SequenceGate gate, SequenceContent content) {
    this.cache = cache;
    this.gate = gate;
    this.content = content;
  }

  void watch(Cleaner.@Nullable Cleanable cleanable) {
    leakWatch = cleanable;
  }

  HostCache cache() {
    return cache;
  }

  SequenceContent content() {
    return content;
  }

  /** Enters for the calling thread, or throws. Each enter is followed by {@link #leave}. */
  void enter() {
    gate.enter(content.id());
  }

  void leave() {
    try {
      gate.leave();
    } finally {
      // Or the leak detector could free the pages while the last call still reads them.
      Reference.reachabilityFence(this);
    }
  }

  @Override
  public long id() {
    return content.id();
  }

  @Override
  public void extend(int... tokenIds) {
    enter();
    try {
      content.extend(tokenIds);
    } finally {
      leave();
    }
  }

  @Override
  public void append(int layer, MemorySegment keys, MemorySegment values) {
    enter();
    try {
      content.append(layer, keys, values);
    } finally {
      leave();
    }
  }

  @Override
  public void attend(int layer, MemorySegment queries, MemorySegment out) {
    enter();
    try {
      int count = content.checkQueries(layer, queries, out);
      content.attend(layer, count, queries, out);
    } finally {
      leave();
    }
  }

  @Override
  public void attend(int layer, MemorySegment queries, MemorySegment out, DraftTree tree) {
    enter();
    try {
      int count = content.checkQueries(layer, queries, out);
      content.attend(layer, count, queries, out, tree);
    } finally {
      leave();
    }
  }

  @Override
  public void commit(int... acceptedPath) {
    enter();
    try {
      content.commit(acceptedPath);
    } finally {
      leave();
    }
  }

  @Override
  public KvSequence fork() {
    enter();
    try {
      HostSequence child = cache.adopt(content.fork(cache.nextId()));
      cache.counters().forks.increment();
      if (cache.hasListeners()) {
        cache.tell(new KvEvent.Forked(id(), child.id(), content.length()));
      }
      JfrEvents.forked(id(), child.id(), content.length());
      return child;
    } finally {
      leave();
    }
  }

  @Override
  public void truncate(int length) {
    enter();
    try {
      content.truncate(length);
    } finally {
      leave();
    }
  }

  @Override
  public void remove(int from, int to) {
    enter();
    try {
      content.remove(from, to);
    } finally {
      leave();
    }
  }

  @Override
  public void shift(int from, int to, int delta) {
    enter();
    try {
      content.shift(from, to, delta);
    } finally {
      leave();
    }
  }

  @Override
  public void offload() {
    enter();
    try {
      content.offload();
    } finally {
      leave();
    }
  }

  @Override
  public void checkpoint(String session, byte[] note) {
    enter();
    try {
      content.checkpoint(session, note);
    } finally {
      leave();
    }
  }

  @Override
  public boolean rewind(String session) {
    enter();
    try {
      return content.rewind(session);
    } finally {
      leave();
    }
  }

  @Override
  public boolean recall() {
    enter();
    try {
      return content.recall();
    } finally {
      leave();
    }
  }

  @Override
  public int length() {
    enter();
    try {
      return content.length();
    } finally {
      leave();
    }
  }

  @Override
  public int cached(int layer, int kvHead) {
    enter();
    try {
      return content.cached(layer, kvHead);
    } finally {
      leave();
    }
  }

  @Override
  public void close() {
    if (!gate.enterToClose(content.id())) {
      return;
    }
    try {
      cache.forget(content);
    } finally {
      gate.leave();
    }
    Cleaner.Cleanable watch = leakWatch;
    if (watch != null) {
      watch.clean();
    }
  }

  /** Which thread is inside a sequence, and whether it is closed. */
  static final class SequenceGate {

    private static final Object CLOSED = new Object();

    /** Inside for a moment, to see which pages the sequence has; others wait. */
    private static final Object LOOKING = new Object();

    private final java.util.concurrent.atomic.AtomicReference<@Nullable Object> inside =
        new java.util.concurrent.atomic.AtomicReference<>();
    private volatile boolean closed;

    void enter(long id) {
      Object found = tryEnter();
      if (found != null) {
        throw busy(id, found);
      }
      if (closed) {
        inside.set(null);
        throw new ClosedException(
            "sequence is closed: sequence=" + id + "; open or fork another one");
      }
    }

    private @Nullable Object tryEnter() {
      return tryEnter(Thread.currentThread());
    }

    private @Nullable Object tryEnter(Object who) {
      Object found = inside.compareAndExchange(null, who);
      while (found == LOOKING) {
        Thread.onSpinWait();
        found = inside.compareAndExchange(null, who);
      }
      return found;
    }

    /** Enters for a moment if nobody is inside; false if somebody is or the sequence is closed. */
    boolean tryLook() {
      if (tryEnter(LOOKING) != null) {
        return false;
      }
      if (closed) {
        inside.set(null);
        return false;
      }
      return true;
    }

    void leave() {
      inside.set(null);
    }

    /** Enters and closes; false if it was closed before. */
    boolean enterToClose(long id) {
      Object found = tryEnter();
      if (found != null) {
        if (closed) {
          return false;
        }
        throw busy(id, found);
      }
      if (closed) {
        inside.set(null);
        return false;
      }
      closed = true;
      return true;
    }

    /** Waits for the thread inside, then closes; false if it was closed before. */
    boolean waitToClose() {
      while (inside.compareAndExchange(null, CLOSED) != null) {
        java.util.concurrent.locks.LockSupport.parkNanos(20_000);
      }
      boolean first = !closed;
      closed = true;
      return first;
    }

    private static SequenceBusyException busy(long id, Object owner) {
      return new SequenceBusyException(
          "sequence is in use by another thread: sequence="
              + id
              + ", thread="
              + (owner instanceof Thread thread ? thread.getName() : "closing")
              + "; give each thread a sequence of its own, for example a fork");
    }
  }
}
