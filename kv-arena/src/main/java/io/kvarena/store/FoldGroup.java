package io.kvarena.store;

/**
 * Queries of one sequence in one lane that stand in one page. A job has few and fills them anew in
 * each call.
 */
final class FoldGroup {

  Lane lane;

  /** The page in which the queries stand. */
  int ordinal;

  /** Position of the first query. */
  int position;

  /** Query tokens, and where they start among the call's. */
  int count;

  int token;

  /** Splits that the queries read, and which unit the first of them is. */
  int splits;

  int firstUnit;

  /** The next group of the lane's heads, whose queries follow these; −1 if there is none. */
  int next;

  /** Leading pages that the group before it in its lane reads just alike. */
  int common;

  /** In how many splits it may share pages, and where in SharedRuns these splits' runs stand. */
  int sharedSplits;

  int firstShared;

  FoldGroup(Lane lane) {
    this.lane = lane;
  }

  /** Lets go of the lane. */
  @SuppressWarnings("NullAway") // a group at rest is not read
  void clear() {
    lane = null;
  }

  /**
   * How many leading pages these queries and those of {@code other} read just alike: the same pages
   * with the same slots at the same positions, none of which either reads raw.
   */
  int commonWith(FoldGroup other) {
    BlockTable mine = lane.table();
    BlockTable theirs = other.lane.table();
    int entries = mine.commonWith(theirs);
    if (entries == 0 || !lane.codesAs(other.lane)) {
      return 0;
    }
    int pages =
        Math.min(SplitFold.firstRaw(lane, ordinal), SplitFold.firstRaw(other.lane, other.ordinal));
    if (entries < mine.size()) {
      pages = Math.min(pages, mine.ordinal(entries));
    }
    if (entries < theirs.size()) {
      pages = Math.min(pages, theirs.ordinal(entries));
    }
    return pages;
  }
}
