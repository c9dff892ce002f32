package io.kvarena.store;

/**
 * Queries of one sequence in one lane that stand in one page. A job has few and fills them anew in
 * each call.
 */
final class FoldGroup {

  Lane lane;

  /** The page in which the queries stand; of a tree, the step's first. */
  int ordinal;

  /** The last page that they read: their own; of a tree, the step's last. */
  int last;

  /** Position of the first query. */
  int position;

  /** Query tokens, and where they start among the call's. */
  int count;

  int token;

  /** How far beyond a query's own position the slots lie that it may see: 0 but in a tree. */
  int ahead;

  /** The first slot of a tree's step, and which of the slots from there on the query sees. */
  int stepSlot;

  long seen;

  /** Splits that the queries read, and which unit the first of them is. */
  int splits;

  int firstUnit;

  /** The next group of the lane's heads, whose queries follow these; −1 if there is none. */
  int next;

  /** The first page that it reads raw. */
  int raw;

  /** Leading pages that the group before it in its lane reads just alike. */
  int common;

  /** In how many splits it may share pages, and where in SharedRuns these splits' runs stand. */
  int sharedSplits;

  int firstShared;

  /** Whether one of the two encodes more than these pages. */
  boolean cuts;

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
    int pages = Math.min(raw, other.raw);
    if (entries < mine.size()) {
      pages = Math.min(pages, mine.ordinal(entries));
    }
    if (entries < theirs.size()) {
      pages = Math.min(pages, theirs.ordinal(entries));
    }
    return pages;
  }
}
