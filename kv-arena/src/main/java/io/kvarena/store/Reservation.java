package io.kvarena.store;

import io.kvarena.OutOfPagesException;
import io.kvarena.memory.PageId;
import io.kvarena.memory.PagePool;
import java.util.List;
import org.agrona.collections.LongArrayList;

/**
 * The pages that an open step has set aside, by pool, so that nothing in the step can run out of
 * room. Raw rows that a layer no longer needs return here for the next layer.
 */
final class Reservation {

  private final List<PagePool> pools;
  private final LongArrayList[] held;

  Reservation(List<PagePool> pools) {
    this.pools = pools;
    held = new LongArrayList[pools.size()];
    for (int i = 0; i < held.length; i++) {
      held[i] = new LongArrayList(16, PageId.NONE);
    }
  }

  /** Sets aside {@code needs[pool]} pages of every pool, or throws and holds nothing. */
  void take(long[] needs, int tokens) {
    boolean complete = false;
    try {
      for (int pool = 0; pool < held.length; pool++) {
        for (long i = 0; i < needs[pool]; i++) {
          long page = pools.get(pool).acquire();
          if (page == PageId.NONE) {
            throw outOfPages(pool, needs[pool], i, tokens);
          }
          held[pool].addLong(page);
        }
      }
      complete = true;
    } finally {
      if (!complete) {
        giveBack();
      }
    }
  }

  private OutOfPagesException outOfPages(int pool, long needed, long found, int tokens) {
    return new OutOfPagesException(
        "no free page: tokens="
            + tokens
            + ", pageBytes="
            + pools.get(pool).pageBytes()
            + ", needed="
            + needed
            + ", found="
            + found
            + "; evict, close sequences or enlarge the arena");
  }

  /** A page set aside, or one that is free at the moment; {@link PageId#NONE} if neither is. */
  long next(int pool) {
    LongArrayList pages = held[pool];
    return pages.isEmpty() ? pools.get(pool).acquire() : pages.removeAt(pages.size() - 1);
  }

  /** Takes in a wiped page on which the caller had the only reference. */
  void recycle(int pool, long page) {
    held[pool].addLong(page);
  }

  /** Frees what is still set aside. */
  void giveBack() {
    for (int pool = 0; pool < held.length; pool++) {
      LongArrayList pages = held[pool];
      for (int i = 0; i < pages.size(); i++) {
        pools.get(pool).release(pages.getLong(i));
      }
      pages.clear();
    }
  }

  /** Pages set aside in a pool, for the audit. */
  LongArrayList held(int pool) {
    return held[pool];
  }
}
