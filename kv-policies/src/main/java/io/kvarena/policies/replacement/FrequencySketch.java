package io.kvarena.policies.replacement;

import io.kvarena.tier.PageKey;

/**
 * How often a page was used lately, estimated: a count-min sketch of four rows whose counters end
 * at 15 and are halved when ten uses for each page that fits were counted.
 *
 * <p>Source: Einziger, Friedman, Manes, TinyLFU: a highly efficient cache admission policy, ACM
 * Transactions on Storage 13(4), 2017, section 3.
 */
final class FrequencySketch {

  private static final int ROWS = 4;
  private static final int COUNT_MAX = 15;
  private static final int USES_PER_PAGE = 10;

  private byte[] counts = new byte[0]; // [row][column]
  private int mask;
  private int pages;
  private long uses;

  /** Makes room for the uses of so many pages; what was counted in less room is forgotten. */
  void reserve(int pagesMax) {
    if (pagesMax > pages) {
      pages = Math.max(16, Integer.highestOneBit(2 * pagesMax - 1));
      mask = pages - 1;
      counts = new byte[ROWS * pages];
      uses = 0;
    }
  }

  void count(PageKey page) {
    for (int row = 0; row < ROWS; row++) {
      int at = at(page, row);
      if (counts[at] < COUNT_MAX) {
        counts[at]++;
      }
    }
    if (++uses >= (long) USES_PER_PAGE * pages) {
      for (int i = 0; i < counts.length; i++) {
        counts[i] >>= 1;
      }
      uses /= 2;
    }
  }

  /** Never less than the uses since the last halving, up to 15. */
  int frequency(PageKey page) {
    int least = COUNT_MAX;
    for (int row = 0; row < ROWS; row++) {
      least = Math.min(least, counts[at(page, row)]);
    }
    return least;
  }

  /** The finalizer of SplitMix64 over both halves of the key, another start for each row. */
  private int at(PageKey page, int row) {
    long z = page.low() + (row + 1) * 0x9e3779b97f4a7c15L + Long.rotateLeft(page.high(), 32);
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return row * pages + ((int) (z ^ (z >>> 31)) & mask);
  }
}
