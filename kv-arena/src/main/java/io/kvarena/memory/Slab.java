package io.kvarena.memory;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** A large piece of native memory, cut into superblocks. Guarded by the arena's lock. */
final class Slab {

  /** Never reused within a process, so that it may key caches of what was made from the slab. */
  final int number;

  final Arena arena;
  final MemorySegment segment;
  final int superblocks;
  private final long superblockBytes;
  private final @Nullable Superblock[] blocks;
  private final int[] free;
  private int freeCount;
  private long emptySinceNanos;

  Slab(int number, Arena arena, MemorySegment segment, long superblockBytes) {
    this.number = number;
    this.arena = arena;
    this.segment = segment;
    this.superblockBytes = superblockBytes;
    superblocks = Math.toIntExact(segment.byteSize() / superblockBytes);
    blocks = new Superblock[superblocks];
    free = new int[superblocks];
    for (int i = 0; i < superblocks; i++) {
      free[i] = superblocks - 1 - i;
    }
    freeCount = superblocks;
    emptySinceNanos = System.nanoTime();
  }

  boolean hasFree() {
    return freeCount > 0;
  }

  boolean isEmpty() {
    return freeCount == superblocks;
  }

  int freeCount() {
    return freeCount;
  }

  /** A superblock that was free. */
  Superblock take() {
    int index = free[--freeCount];
    Superblock block = blocks[index];
    if (block == null) {
      block = new Superblock(this, index * superblockBytes);
      blocks[index] = block;
    }
    return block;
  }

  void giveBack(Superblock block) {
    free[freeCount++] = (int) (block.offset / superblockBytes);
    if (isEmpty()) {
      emptySinceNanos = System.nanoTime();
    }
  }

  /** Nanoseconds since the last superblock came back. */
  long emptyNanos() {
    return System.nanoTime() - emptySinceNanos;
  }

  /** Byte offsets of the free superblocks. */
  long[] freeOffsets() {
    long[] offsets = new long[freeCount];
    for (int i = 0; i < freeCount; i++) {
      offsets[i] = free[i] * superblockBytes;
    }
    return offsets;
  }
}
