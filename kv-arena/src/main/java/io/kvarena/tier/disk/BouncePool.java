package io.kvarena.tier.disk;

import io.kvarena.tier.FileIo;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * A bounded piece of aligned native memory that calls borrow parts of to read and write through.
 *
 * <p>A call holds one part at a time, or tries for a second and goes on without: so none waits for
 * one that waits for it.
 */
final class BouncePool implements AutoCloseable {
  private static final int GRANULE = 16 * FileIo.ALIGNMENT;

  // closed with the tier, after the last call: a shared arena costs a handshake to close
  private final Arena arena = Arena.ofShared();
  private final MemorySegment memory;
  private final int granules;
  private final BitSet taken = new BitSet();
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition returned = lock.newCondition();

  /** In line before the lock, so that a large request is not overtaken for ever by small ones. */
  private final ReentrantLock line = new ReentrantLock(true);

  BouncePool(long bytes) {
    granules = Math.toIntExact(Bytes.aligned(bytes, GRANULE) / GRANULE);
    memory = arena.allocate((long) granules * GRANULE, FileIo.ALIGNMENT);
  }

  /** The most that can be borrowed. */
  long bytesMax() {
    return memory.byteSize();
  }

  /** Borrows memory of a multiple of 4096 bytes; waits for it. */
  MemorySegment take(long bytes) {
    line.lock();
    lock.lock();
    try {
      MemorySegment part = find(bytes);
      while (part == null) {
        returned.awaitUninterruptibly();
        part = find(bytes);
      }
      return part;
    } finally {
      lock.unlock();
      line.unlock();
    }
  }

  /** Borrows memory if it is there at once and nobody waits; else null. */
  @Nullable MemorySegment tryTake(long bytes) {
    if (!line.tryLock()) {
      return null;
    }
    try {
      lock.lock();
      try {
        return find(bytes);
      } finally {
        lock.unlock();
      }
    } finally {
      line.unlock();
    }
  }

  void giveBack(MemorySegment part) {
    lock.lock();
    try {
      int first = Math.toIntExact((part.address() - memory.address()) / GRANULE);
      taken.clear(first, first + count(part.byteSize()));
      returned.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private @Nullable MemorySegment find(long bytes) {
    int count = count(bytes);
    int from = taken.nextClearBit(0);
    while (from + count <= granules) {
      int next = taken.nextSetBit(from);
      if (next < 0 || next - from >= count) {
        taken.set(from, from + count);
        return memory.asSlice((long) from * GRANULE, bytes);
      }
      from = taken.nextClearBit(next);
    }
    return null;
  }

  private static int count(long bytes) {
    return Math.toIntExact(Bytes.aligned(bytes, GRANULE) / GRANULE);
  }

  @Override
  public void close() {
    arena.close();
  }
}
