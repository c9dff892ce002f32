package io.kvarena.store;

import io.kvarena.memory.PageId;
import java.util.Arrays;

/**
 * The ordered pages of one sequence in one lane. An entry is (page, live mask, base position,
 * delta): slot s of the page holds the token that was appended at position {@code base + s} and
 * stands at {@code base + s + delta} now.
 *
 * <p>Pages are counted by ordinal. A page has several entries, with disjoint masks, where its
 * tokens were not appended at consecutive positions or were shifted apart. The page of an entry is
 * {@link PageId#NONE} as long as its tokens are raw.
 */
final class BlockTable {

  private int[] ordinals;
  private long[] pages;
  private long[] masks;
  private int[] bases;
  private int[] deltas;
  private int size;

  BlockTable(int capacity) {
    int room = Math.max(8, capacity);
    ordinals = new int[room];
    pages = new long[room];
    masks = new long[room];
    bases = new int[room];
    deltas = new int[room];
  }

  /** A copy that shares nothing; the pages' references are the caller's to take. */
  BlockTable(BlockTable other) {
    ordinals = other.ordinals.clone();
    pages = other.pages.clone();
    masks = other.masks.clone();
    bases = other.bases.clone();
    deltas = other.deltas.clone();
    size = other.size;
  }

  int size() {
    return size;
  }

  int ordinal(int entry) {
    return ordinals[entry];
  }

  long page(int entry) {
    return pages[entry];
  }

  long mask(int entry) {
    return masks[entry];
  }

  /** Position at which slot 0 was appended. */
  int base(int entry) {
    return bases[entry];
  }

  int delta(int entry) {
    return deltas[entry];
  }

  /** Position, after shifts, of slot 0. */
  int position(int entry) {
    return bases[entry] + deltas[entry];
  }

  boolean isSealed(int entry) {
    return pages[entry] != PageId.NONE;
  }

  /** Index of the first entry whose ordinal is at least {@code ordinal}. */
  int firstOf(int ordinal) {
    int from = 0;
    int to = size;
    while (from < to) {
      int middle = (from + to) >>> 1;
      if (ordinals[middle] < ordinal) {
        from = middle + 1;
      } else {
        to = middle;
      }
    }
    return from;
  }

  /** Notes the raw token appended at {@code position} in {@code slot} of page {@code ordinal}. */
  void appendToken(int ordinal, int slot, int position) {
    int last = size - 1;
    int base = position - slot;
    if (last >= 0
        && ordinals[last] == ordinal
        && pages[last] == PageId.NONE
        && bases[last] == base
        && deltas[last] == 0) {
      masks[last] |= 1L << slot;
      return;
    }
    insert(size, ordinal, PageId.NONE, 1L << slot, base, 0);
  }

  /** Adds an entry behind the others, as another table had it. */
  void add(int ordinal, long page, long mask, int base, int delta) {
    insert(size, ordinal, page, mask, base, delta);
  }

  private void insert(int at, int ordinal, long page, long mask, int base, int delta) {
    if (size == ordinals.length) {
      int room = 2 * size;
      ordinals = Arrays.copyOf(ordinals, room);
      pages = Arrays.copyOf(pages, room);
      masks = Arrays.copyOf(masks, room);
      bases = Arrays.copyOf(bases, room);
      deltas = Arrays.copyOf(deltas, room);
    }
    int moved = size - at;
    System.arraycopy(ordinals, at, ordinals, at + 1, moved);
    System.arraycopy(pages, at, pages, at + 1, moved);
    System.arraycopy(masks, at, masks, at + 1, moved);
    System.arraycopy(bases, at, bases, at + 1, moved);
    System.arraycopy(deltas, at, deltas, at + 1, moved);
    ordinals[at] = ordinal;
    pages[at] = page;
    masks[at] = mask;
    bases[at] = base;
    deltas[at] = delta;
    size++;
  }

  /** Removes an entry; its page's reference is the caller's to drop. */
  void drop(int entry) {
    int moved = size - entry - 1;
    System.arraycopy(ordinals, entry + 1, ordinals, entry, moved);
    System.arraycopy(pages, entry + 1, pages, entry, moved);
    System.arraycopy(masks, entry + 1, masks, entry, moved);
    System.arraycopy(bases, entry + 1, bases, entry, moved);
    System.arraycopy(deltas, entry + 1, deltas, entry, moved);
    size--;
  }

  void page(int entry, long page) {
    pages[entry] = page;
  }

  void mask(int entry, long mask) {
    masks[entry] = mask;
  }

  /** The slots of an entry that stand at positions [from, to). */
  long slotsIn(int entry, int from, int to) {
    long low = Math.clamp((long) from - position(entry), 0L, 64L);
    long high = Math.clamp((long) to - position(entry), 0L, 64L);
    if (low >= high) {
      return 0;
    }
    return masks[entry] & (-1L >>> (64 - high)) & (-1L << low);
  }

  /**
   * Adds {@code delta} to the slots of an entry that {@code moved} names. Returns true if that took
   * a second entry, which stands behind the first and names the same page.
   */
  boolean shift(int entry, long moved, int delta) {
    if (moved == masks[entry]) {
      deltas[entry] += delta;
      return false;
    }
    masks[entry] &= ~moved;
    insert(entry + 1, ordinals[entry], pages[entry], moved, bases[entry], deltas[entry] + delta);
    return true;
  }

  /** How many entries, from the first on, are the same in both tables. */
  int commonWith(BlockTable other) {
    int end = Math.min(size, other.size);
    // Most tables that have nothing in common differ in their first page.
    if (end == 0 || pages[0] != other.pages[0]) {
      return 0;
    }
    end = alike(Arrays.mismatch(pages, 0, end, other.pages, 0, end), end);
    end = alike(Arrays.mismatch(masks, 0, end, other.masks, 0, end), end);
    end = alike(Arrays.mismatch(ordinals, 0, end, other.ordinals, 0, end), end);
    end = alike(Arrays.mismatch(bases, 0, end, other.bases, 0, end), end);
    return alike(Arrays.mismatch(deltas, 0, end, other.deltas, 0, end), end);
  }

  private static int alike(int mismatch, int end) {
    return mismatch < 0 ? end : mismatch;
  }

  /** Live slots. */
  int live() {
    int live = 0;
    for (int i = 0; i < size; i++) {
      live += Long.bitCount(masks[i]);
    }
    return live;
  }

  /** One more than the highest live position, 0 if none is live. */
  int end() {
    int end = 0;
    for (int i = 0; i < size; i++) {
      end = Math.max(end, position(i) + 64 - Long.numberOfLeadingZeros(masks[i]));
    }
    return end;
  }

  /** Heap bytes. */
  long bytes() {
    return ordinals.length * (4L + 8 + 8 + 4 + 4);
  }
}
