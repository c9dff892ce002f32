package io.kvarena.store;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Finds what the groups of a call read in common: sequences that were forked from one another share
 * their pages until one forgets or moves something.
 *
 * <p>Only neighbours in the batch are compared, so sequences of one family should stand side by
 * side: then their queries lie side by side too, and a run is one fold over them as they are. Runs
 * are made split by split, so families within a family share what they can.
 */
final class SharedRuns {

  /** Fewer pages than that are not worth a fold of their own, unless a split has no more. */
  private static final int PAGES_MIN = 2;

  /** Query tokens of a run at most: enough to hide the reading of a page behind the arithmetic. */
  private static final int TOKENS_MAX = 256;

  /** Query tokens of a run below which cutting it for more threads costs more than it brings. */
  private static final int TOKENS_CUT_MIN = 8;

  private final HostCache cache;
  private LayerPlan plan;
  private FoldGroup[] groups = {};
  private SharedRun[] runs = {};
  private int count;
  private long bytes;
  private int tokensMax;

  /** By lane: its first group, and its newest while they are linked. */
  private int[] first = {};

  private int[] newest = {};

  /** The run with which a group's split begins, −1 if there is none: see FoldGroup.firstShared. */
  private int[] runOf = {};

  /** For one job, which gives it the groups of each call. */
  SharedRuns(HostCache cache) {
    this.cache = cache;
    plan = cache.plan(0);
  }

  /**
   * Finds the runs among the first {@code size} groups; how many there are.
   *
   * @param threads threads that will fold them
   */
  int find(LayerPlan plan, FoldGroup[] groups, int size, int threads) {
    this.plan = plan;
    this.groups = groups;
    count = 0;
    bytes = 0;
    long shares = link(size);
    if (shares == 0) {
      return 0;
    }
    // Two runs for each thread, where there is something to cut.
    tokensMax =
        threads == 1 ? TOKENS_MAX : Math.clamp(shares / (2L * threads), TOKENS_CUT_MIN, TOKENS_MAX);
    int cells = 0;
    for (int lane = 0; lane < plan.lanes(); lane++) {
      int splits = 0;
      for (int at = first[lane]; at >= 0; at = groups[at].next) {
        splits = Math.max(splits, splits(groups[at].common));
      }
      cells = layOut(lane, splits, cells);
      for (int split = 0; split < splits; split++) {
        for (int at = first[lane]; at >= 0; ) {
          at = take(at, split);
        }
      }
    }
    return count;
  }

  /**
   * Links the groups of each lane and compares neighbours; query tokens that have something in
   * common with others, each counted once for each split.
   */
  private long link(int size) {
    int lanes = plan.lanes();
    if (first.length < lanes) {
      first = new int[lanes];
      newest = new int[lanes];
    }
    Arrays.fill(first, 0, lanes, -1);
    Arrays.fill(newest, 0, lanes, -1);
    long shares = 0;
    for (int i = 0; i < size; i++) {
      FoldGroup group = groups[i];
      group.raw = SplitFold.firstRaw(group.lane, group.ordinal);
      int lane = group.lane.firstHead() / plan.page().heads();
      int before = newest[lane];
      newest[lane] = i;
      group.next = -1;
      group.common = 0;
      if (before < 0) {
        first[lane] = i;
        continue;
      }
      groups[before].next = i;
      // As many queries as a page holds hide its reading by themselves.
      int whole = plan.page().pageTokens();
      if (group.count < whole && groups[before].count < whole) {
        group.common = group.commonWith(groups[before]);
        group.cuts = group.raw != group.common || groups[before].raw != group.common;
        shares += (long) group.count * splits(group.common);
      }
    }
    return shares;
  }

  /** Splits that so many pages lie in. */
  private int splits(int pages) {
    return (pages + cache.splitPages() - 1) / cache.splitPages();
  }

  private int layOut(int lane, int splits, int from) {
    int cells = from;
    for (int at = first[lane]; at >= 0; at = groups[at].next) {
      groups[at].firstShared = cells;
      groups[at].sharedSplits = splits;
      cells += splits;
    }
    if (runOf.length < cells) {
      runOf = Arrays.copyOf(runOf, 2 * cells);
    }
    Arrays.fill(runOf, from, cells, -1);
    return cells;
  }

  /** Makes a run of a group and those behind it, if they agree; the group behind these. */
  private int take(int from, int split) {
    int members = 1;
    int tokens = groups[from].count;
    int pages = cache.splitPages();
    int at = groups[from].next;
    while (at >= 0 && tokens + groups[at].count <= tokensMax) {
      int also = Math.min(pages, pages(groups[at], split));
      // One that agrees on little would cost the others more than it gains.
      boolean isWorth = members == 1 || (long) members * also >= (members - 1L) * pages;
      boolean cuts = members > 1 && also != pages && !isCuttable();
      if (also == 0 || !isWorth || cuts) {
        break;
      }
      pages = also;
      members++;
      tokens += groups[at].count;
      at = groups[at].next;
    }
    long more = members > 1 ? FoldJob.stateBytes(plan, tokens) : 0;
    if (more > 0 && bytes + more <= FoldJob.STATE_BYTES_MAX) {
      bytes += more;
      note(from, members, tokens, split, pages);
    }
    return at;
  }

  /** Pages of a split that a group has in common with the one before it and that are worth it. */
  private int pages(FoldGroup group, int split) {
    int whole = cache.splitPages();
    int pages = Math.clamp(group.common - (long) split * whole, 0, whole);
    if (pages == whole) {
      return pages;
    }
    // What is raw is not of the run: a run that ends there for both is not cut in two.
    return pages >= PAGES_MIN && (!group.cuts || isCuttable()) ? pages : 0;
  }

  /** Whether a run may be cut in two: centring counts with whole ones, see CodedQueries.raise. */
  private boolean isCuttable() {
    return cache.kernel().seamless() && !plan.transforms().keys().centred();
  }

  private void note(int from, int members, int tokens, int split, int pages) {
    if (count == runs.length) {
      runs = Arrays.copyOf(runs, Math.max(8, 2 * count));
      for (int i = count; i < runs.length; i++) {
        runs[i] = new SharedRun();
      }
    }
    SharedRun run = runs[count];
    run.first = from;
    run.groups = members;
    run.split = split;
    run.pages = pages;
    run.tokens = tokens;
    run.token = groups[from].token;
    for (int i = 0, at = from; i < members; i++, at = groups[at].next) {
      runOf[groups[at].firstShared + split] = count;
    }
    count++;
  }

  /** A run that was found. */
  SharedRun run(int index) {
    return runs[index];
  }

  /** The run with which a group's split begins; null if it shares nothing there. */
  @Nullable SharedRun of(FoldGroup group, int split) {
    int run = split < group.sharedSplits ? runOf[group.firstShared + split] : -1;
    return run < 0 ? null : runs[run];
  }

  /** Native bytes held. */
  long bytes() {
    long bytes = 0;
    for (SharedRun run : runs) {
      bytes += run.bytes();
    }
    return bytes;
  }
}
