package io.kvarena.store;

import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Who reads pages right now: each attention holds a lease, and the room that a page has left is
 * given to others when all leases taken before have ended.
 *
 * <p>Leases are counted on two sides. Who waits turns the side twice and waits each time for the
 * old one to be empty, so that one who had read the side but not yet counted himself is seen too.
 */
final class Leases {

  /** Counters stand a cache line apart. */
  private static final int STRIDE = 16;

  private static final long PAUSE_NANOS = 20_000;

  private final AtomicIntegerArray inside = new AtomicIntegerArray(3 * STRIDE);
  private final ReentrantLock turning = new ReentrantLock();
  private volatile int side;

  /** Takes a lease; the side to be handed to {@link #exit}. */
  int enter() {
    int entered = side;
    inside.incrementAndGet((1 + entered) * STRIDE);
    return entered;
  }

  void exit(int entered) {
    inside.decrementAndGet((1 + entered) * STRIDE);
  }

  /** Waits until every lease that was held at the call has ended. */
  void await() {
    turning.lock();
    try {
      for (int turn = 0; turn < 2; turn++) {
        int old = side;
        side = 1 - old;
        while (inside.get((1 + old) * STRIDE) != 0) {
          LockSupport.parkNanos(PAUSE_NANOS);
        }
      }
    } finally {
      turning.unlock();
    }
  }
}
