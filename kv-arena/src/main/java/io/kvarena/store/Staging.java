package io.kvarena.store;

import io.kvarena.memory.PageId;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.agrona.collections.Long2LongHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Room for copies of pages whose bytes are in a tier, for as long as a fold reads them.
 *
 * <p>A slot is being loaded, or pinned by folds, or at rest in one of two lists: {@code spent},
 * copies that were read or nothing, the first to be taken; and {@code ahead}, copies that were
 * loaded for a fold to come, which only a fold may take, the newest first.
 */
final class Staging {

  /** The answer when no slot can be had at present. */
  static final int NONE = -1;

  /** The answer when the page has a slot already, which the caller has no part in. */
  static final int THERE = -2;

  /** Set in the answer when the caller must load the slot. */
  static final int CLAIMED = 1 << 30;

  /** How long a copy waits for the fold it was loaded for, while others need the room. */
  private static final long UNREAD_NANOS_MAX = 1_000_000_000;

  private final MemorySegment slab;
  private final int slabNumber;
  private final long slotBytes;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final Long2LongHashMap slotOf = new Long2LongHashMap(NONE);
  private final long[] pages;
  private final int[] pins;
  private final long[] loadedAt;
  private final boolean[] loading;
  private final @Nullable RuntimeException[] failures;
  private final SlotList spent;
  private final SlotList ahead;
  private boolean closed;

  /**
   * @param slab native memory, a multiple of {@code slotBytes}
   * @param slabNumber the number by which kernels know it
   */
  Staging(MemorySegment slab, int slabNumber, long slotBytes) {
    this.slab = slab;
    this.slabNumber = slabNumber;
    this.slotBytes = slotBytes;
    int slots = Math.toIntExact(slab.byteSize() / slotBytes);
    pages = new long[slots];
    pins = new int[slots];
    loadedAt = new long[slots];
    loading = new boolean[slots];
    failures = new RuntimeException[slots];
    int[] links = new int[2 * (slots + 2)];
    spent = new SlotList(links, slots);
    ahead = new SlotList(links, slots + 1);
    for (int slot = 0; slot < slots; slot++) {
      spent.add(slot);
    }
  }

  /** Lists of slots over shared links, each with a head of its own. */
  private static final class SlotList {
    private final int[] links;
    private final int head;

    SlotList(int[] links, int head) {
      this.links = links;
      this.head = head;
      links[2 * head] = head;
      links[2 * head + 1] = head;
    }

    boolean isEmpty() {
      return links[2 * head + 1] == head;
    }

    int first() {
      return links[2 * head + 1];
    }

    int last() {
      return links[2 * head];
    }

    void add(int slot) {
      int last = last();
      links[2 * slot] = last;
      links[2 * slot + 1] = head;
      links[2 * last + 1] = slot;
      links[2 * head] = slot;
    }

    void remove(int slot) {
      int before = links[2 * slot];
      int after = links[2 * slot + 1];
      links[2 * before + 1] = after;
      links[2 * after] = before;
    }
  }

  MemorySegment slab() {
    return slab;
  }

  int slabNumber() {
    return slabNumber;
  }

  int slots() {
    return pages.length;
  }

  long offset(int slot) {
    return slot * slotBytes;
  }

  MemorySegment bytes(int slot, long bytes) {
    return slab.asSlice(offset(slot), bytes);
  }

  /**
   * Pins the slot of a page for a fold, with {@link #CLAIMED} if the caller is the one to load it.
   *
   * @param wait whether to wait for a slot; else {@link #NONE} says that none can be had
   */
  int pin(long page, boolean wait) {
    lock.lock();
    try {
      while (true) {
        int slot = (int) slotOf.get(page);
        if (slot != NONE) {
          if (pins[slot] == 0 && !loading[slot]) {
            // At rest; which list it is in makes no difference for leaving it.
            spent.remove(slot);
          }
          pins[slot]++;
          return slot;
        }
        slot = !spent.isEmpty() ? spent.first() : !ahead.isEmpty() ? ahead.last() : NONE;
        if (slot != NONE) {
          claim(slot, page);
          pins[slot] = 1;
          return slot | CLAIMED;
        }
        if (!wait) {
          return NONE;
        }
        changed.awaitUninterruptibly();
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * A slot to load a page into for a fold to come; waits for one. {@link #THERE} if the page has
   * one, {@link #NONE} when staging is closed.
   */
  int claimAhead(long page, boolean wait) {
    lock.lock();
    try {
      while (!closed) {
        if (slotOf.get(page) != NONE) {
          return THERE;
        }
        if (!spent.isEmpty()) {
          int slot = spent.first();
          claim(slot, page);
          return slot;
        }
        int oldest = ahead.isEmpty() ? NONE : ahead.first();
        if (oldest != NONE && System.nanoTime() - loadedAt[oldest] > UNREAD_NANOS_MAX) {
          claim(oldest, page);
          return oldest;
        }
        if (!wait) {
          return NONE;
        }
        waitAwhile();
      }
      return NONE;
    } finally {
      lock.unlock();
    }
  }

  @SuppressWarnings("WaitNotInLoop") // the loop is the caller's
  private void waitAwhile() {
    try {
      changed.awaitNanos(UNREAD_NANOS_MAX);
    } catch (InterruptedException stop) {
      closed = true;
    }
  }

  private void claim(int slot, long page) {
    spent.remove(slot);
    if (pages[slot] != PageId.NONE) {
      slotOf.remove(pages[slot]);
    }
    pages[slot] = page;
    slotOf.put(page, slot);
    loading[slot] = true;
    failures[slot] = null;
  }

  /** Notes that slots are loaded, or why not. */
  void loaded(int[] slots, int count, @Nullable RuntimeException failure) {
    lock.lock();
    try {
      for (int i = 0; i < count; i++) {
        int slot = slots[i];
        loading[slot] = false;
        failures[slot] = failure;
        if (failure != null) {
          // Who comes next tries again.
          slotOf.remove(pages[slot]);
          pages[slot] = PageId.NONE;
        }
        loadedAt[slot] = System.nanoTime();
        if (pins[slot] == 0) {
          (failure == null ? ahead : spent).add(slot);
        }
      }
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Waits until pinned slots are loaded; throws what kept one from it. */
  void await(int[] slots, int count) {
    lock.lock();
    try {
      for (int i = 0; i < count; i++) {
        while (loading[slots[i]]) {
          changed.awaitUninterruptibly();
        }
        RuntimeException failure = failures[slots[i]];
        if (failure != null) {
          throw failure;
        }
      }
    } finally {
      lock.unlock();
    }
  }

  /** Ends the pins of a fold. */
  void unpin(int[] slots, int count) {
    lock.lock();
    try {
      for (int i = 0; i < count; i++) {
        if (--pins[slots[i]] == 0 && !loading[slots[i]]) {
          spent.add(slots[i]);
        }
      }
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Lets go of the copy of a page that is gone. */
  void drop(long page) {
    lock.lock();
    try {
      int slot = (int) slotOf.get(page);
      if (slot != NONE && pins[slot] == 0 && !loading[slot]) {
        slotOf.remove(page);
        pages[slot] = PageId.NONE;
        spent.remove(slot);
        spent.add(slot);
        changed.signalAll();
      }
    } finally {
      lock.unlock();
    }
  }

  /** Ends the waiting of those who load ahead. */
  void close() {
    lock.lock();
    try {
      closed = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }
}
