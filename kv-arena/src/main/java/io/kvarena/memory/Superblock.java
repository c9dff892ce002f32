package io.kvarena.memory;

/** A superblock lent to one pool, cut into its pages. Guarded by the arena's lock. */
final class Superblock {

  final Slab slab;
  final long offset;
  final long pageBytes;
  final int capacity;
  private final int[] free;
  private int freeCount;

  /** Place in the pool's list of superblocks with free pages, or -1 if it is full. */
  int place = -1;

  Superblock(Slab slab, long offset, long pageBytes, int capacity) {
    this.slab = slab;
    this.offset = offset;
    this.pageBytes = pageBytes;
    this.capacity = capacity;
    free = new int[capacity];
    for (int i = 0; i < capacity; i++) {
      free[i] = capacity - 1 - i;
    }
    freeCount = capacity;
  }

  boolean hasFree() {
    return freeCount > 0;
  }

  boolean isEmpty() {
    return freeCount == capacity;
  }

  int freeCount() {
    return freeCount;
  }

  int take() {
    return free[--freeCount];
  }

  void giveBack(int slot) {
    free[freeCount++] = slot;
  }

  int freeSlot(int i) {
    return free[i];
  }
}
