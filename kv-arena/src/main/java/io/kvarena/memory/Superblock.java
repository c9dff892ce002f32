package io.kvarena.memory;

/**
 * A piece of a slab that is lent to one pool at a time and cut into its pages. Guarded by the
 * arena's lock; the page size may also be read by who holds one of the pages.
 */
final class Superblock {

  final Slab slab;
  final long offset;
  private int[] free = {};
  private int freeCount;
  private int capacity;
  private long pageBytes;

  /** Place in the pool's list of superblocks with free pages, or -1 if it is full. */
  int place = -1;

  Superblock(Slab slab, long offset) {
    this.slab = slab;
    this.offset = offset;
  }

  /** Lends the superblock to {@code pool}; {@code capacityMax} is the most that any pool cuts. */
  void lend(PagePool pool, int capacityMax) {
    pageBytes = pool.pageBytes();
    capacity = pool.pagesPerSuperblock();
    if (free.length < capacity) {
      // Sized for any pool, so that superblocks that come and go allocate nothing.
      free = new int[Math.max(capacity, capacityMax)];
    }
    for (int i = 0; i < capacity; i++) {
      free[i] = capacity - 1 - i;
    }
    freeCount = capacity;
  }

  /** Byte offset in the slab of the page at {@code slot}. */
  long pageOffset(int slot) {
    return offset + slot * pageBytes;
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
