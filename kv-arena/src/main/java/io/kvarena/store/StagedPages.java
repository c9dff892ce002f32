package io.kvarena.store;

/** The pages of one fold whose bytes are in a tier: pinned in staging, one list a workspace. */
final class StagedPages {

  private final Offload offload;
  private final int[] slots;
  private final int[] claimed;
  private final long[] claimedPages;
  private int count;
  private int claims;

  StagedPages(Offload offload) {
    this.offload = offload;
    int most = offload.foldPages();
    slots = new int[most];
    claimed = new int[most];
    claimedPages = new long[most];
  }

  Staging staging() {
    return offload.staging();
  }

  /**
   * Pins a page; where it will lie in staging, or {@link Staging#NONE} if the fold must do with
   * what it has and come again.
   */
  int add(long page) {
    if (count == slots.length) {
      return Staging.NONE;
    }
    int slot = offload.staging().pin(page, count == 0);
    if (slot == Staging.NONE) {
      return slot;
    }
    if ((slot & Staging.CLAIMED) != 0) {
      slot &= ~Staging.CLAIMED;
      claimed[claims] = slot;
      claimedPages[claims++] = page;
    }
    slots[count++] = slot;
    return slot;
  }

  /** Loads what nobody else does and waits for the rest. */
  void load() {
    if (claims > 0) {
      int mine = claims;
      claims = 0;
      offload.load(claimedPages, claimed, mine);
    }
    if (count > 0) {
      offload.staging().await(slots, count);
    }
  }

  /** Ends the pins. */
  void release() {
    if (claims > 0) {
      offload.staging().loaded(claimed, claims, new IllegalStateException("a fold was given up"));
      claims = 0;
    }
    if (count > 0) {
      offload.staging().unpin(slots, count);
      count = 0;
    }
  }
}
