package io.kvarena.store;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import io.kvarena.LayerKind;
import io.kvarena.LayerShape;
import io.kvarena.Rope;
import io.kvarena.attention.AttentionState;
import io.kvarena.attention.PageRun;
import io.kvarena.attention.Queries;
import io.kvarena.format.PageLayout;
import io.kvarena.memory.PageArena;
import io.kvarena.memory.PageId;
import io.kvarena.memory.PagePlace;
import io.kvarena.transform.TransformInstance;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * Folds pages of one split of a lane for the workspace's queries: pinned pages, encoded ones, then
 * the raw granules of the recent pages and of the queries' own, run by run, a run being
 * neighbouring entries with one delta. What a query reads depends on its own page alone, never on
 * the other queries of the call.
 *
 * <p>Encoded pages whose values are rotated go into a state of their own, which is mapped back when
 * all splits are in. Where keys are centred, a run's logits lack a number that is constant for the
 * run, the bias q·µ: the state's maximum is lowered by it while the run is folded, which is exact.
 */
final class SplitFold {

  private SplitFold() {}

  /**
   * The first page that queries in page {@code ordinal} read raw. Recent pages may be encoded only,
   * where a truncation came back to long before the end.
   */
  static int firstRaw(Lane lane, int ordinal) {
    int raw = ordinal;
    while (raw > Math.max(0, ordinal - lane.plan().recentPages()) && lane.isRaw(raw - 1)) {
      raw--;
    }
    return raw;
  }

  /**
   * Points the workspace's queries at {@code tokens} of the call's.
   *
   * @param plain native copy of the call's queries, f32 [tokens][queryHeads][keyDim]
   * @param token the first of the queries in it
   */
  static void set(Lane lane, MemorySegment plain, int token, int tokens, Workspace workspace) {
    LayerShape shape = lane.plan().shape();
    workspace.plain = plain;
    workspace.plainOffset = 4L * token * shape.queryHeads() * shape.keyDim();
    workspace.queries.set(
        plain,
        workspace.plainOffset,
        tokens,
        shape.queryHeads(),
        shape.keyDim(),
        shape.params().scale(),
        shape.params().softCap());
    workspace.queries.firstHead(lane.firstHead() * shape.group());
    workspace.lowest = Integer.MAX_VALUE;
    workspace.highest = Integer.MIN_VALUE;
  }

  /**
   * Sets what the queries of a group see.
   *
   * @param from where they stand among the workspace's queries
   */
  static void bound(FoldGroup group, int from, Workspace workspace) {
    LayerKind kind = group.lane.plan().shape().kind();
    int position = group.position;
    int highest = position + group.ahead;
    for (int i = 0; i < group.count; i++) {
      workspace.queries.bounds(from + i, kind.lowestVisible(position + i), highest + i);
    }
    workspace.lowest = Math.min(workspace.lowest, kind.lowestVisible(position));
    workspace.highest = Math.max(workspace.highest, highest + group.count - 1);
    workspace.stepSlot = group.stepSlot;
    workspace.seen = group.seen;
  }

  /**
   * Folds the pages of one split for the workspace's queries.
   *
   * @param lane the lane
   * @param ordinal page in which the queries stand, or the first of a tree's step
   * @param from the first page
   * @param behind the page behind the last one
   * @param number a number that no other queries have
   * @param state for pages of plain values
   * @param rotated for pages of rotated values; {@code state} if there are none
   */
  static void fold(
      HostCache cache,
      Lane lane,
      int ordinal,
      int from,
      int behind,
      long number,
      AttentionState state,
      AttentionState rotated,
      Workspace workspace) {
    assert lane.isRaw(ordinal) : "the queries' own page is not raw";
    LayerPlan plan = lane.plan();
    BlockTable table = lane.table();
    int start = table.firstOf(from);
    int end = table.firstOf(behind);
    int rawFrom = Math.clamp(table.firstOf(firstRaw(lane, ordinal)), start, end);
    int encodedFrom = Math.clamp(table.firstOf(plan.pinnedPages()), start, rawFrom);
    try {
      foldPages(cache, lane, start, encodedFrom, plan.pinned(), -1, state, workspace);
      foldPages(cache, lane, encodedFrom, rawFrom, plan.page(), number, rotated, workspace);
    } finally {
      StagedPages staged = workspace.staged();
      if (staged != null) {
        staged.release();
      }
    }
    for (int i = rawFrom; i < end; i++) {
      workspace.run.start(plan.granule());
      addGranules(cache.arena(), lane, i, seen(table.ordinal(i), plan, workspace), workspace.run);
      if (workspace.run.size() > 0) {
        point(plan, table.delta(i), workspace);
        cache.kernel().fold(workspace.queries, workspace.run, state);
      }
      cache.counters().tailBytesRead.addAndGet(workspace.run.size() * plan.granule().pageBytes());
    }
  }

  /**
   * Folds the sealed pages of the entries [from, to).
   *
   * @param number the queries' number if the pages may be transformed, else −1
   */
  private static void foldPages(
      HostCache cache,
      Lane lane,
      int from,
      int to,
      PageLayout layout,
      long number,
      AttentionState state,
      Workspace workspace) {
    BlockTable table = lane.table();
    LayerPlan plan = lane.plan();
    for (int i = from; i < to; ) {
      int delta = table.delta(i);
      int behind = i + 1;
      while (behind < to && table.delta(behind) == delta) {
        behind++;
      }
      workspace.run.start(layout);
      i = list(cache.arena(), table, i, behind, workspace);
      if (workspace.run.size() == 0) {
        continue;
      }
      TransformInstance[] instances = lane.keyInstances();
      boolean isCoded = number >= 0 && instances.length > 0;
      CodedQueries coded = workspace.coded;
      if (!isCoded) {
        point(plan, delta, workspace);
      } else {
        if (!coded.are(number, delta)) {
          point(plan, delta, workspace);
          coded.make(
              workspace.queries, instances, plan.shape().group(), workspace.rows, number, delta);
        }
        coded.point(workspace.queries);
      }
      boolean isCentred = isCoded && instances[0].isCentred();
      if (isCentred) {
        coded.lower(state);
      }
      foldRun(cache, layout, state, workspace);
      while (i < behind) {
        // The run goes on where staging had no room for more of it.
        workspace.run.start(layout);
        i = list(cache.arena(), table, i, behind, workspace);
        foldRun(cache, layout, state, workspace);
      }
      if (isCentred) {
        coded.raise(state);
      }
    }
  }

  private static void foldRun(
      HostCache cache, PageLayout layout, AttentionState state, Workspace workspace) {
    StagedPages staged = workspace.staged();
    if (staged != null) {
      staged.load();
    }
    if (workspace.run.size() > 0) {
      cache.kernel().fold(workspace.queries, workspace.run, state);
    }
    if (staged != null) {
      staged.release();
    }
    cache.counters().sealedBytesRead.addAndGet(workspace.run.size() * layout.pageBytes());
  }

  /**
   * Lists the pages of the entries [from, to) that a query could see, where they lie or will lie in
   * staging; the entry behind the last one that was listed.
   */
  private static int list(
      PageArena arena, BlockTable table, int from, int to, Workspace workspace) {
    PagePlace place = workspace.place;
    for (int i = from; i < to; i++) {
      if (!isNearby(table, i, workspace)) {
        continue;
      }
      long page = table.page(i);
      assert page != PageId.NONE : "an earlier page was not sealed";
      if (arena.find(page, place)) {
        workspace.run.add(
            place.slab(), place.slabNumber(), place.offset(), table.mask(i), table.position(i));
        continue;
      }
      StagedPages staged = Objects.requireNonNull(workspace.staged());
      int slot = staged.add(page);
      if (slot == Staging.NONE) {
        return i;
      }
      Staging staging = staged.staging();
      workspace.run.add(
          staging.slab(),
          staging.slabNumber(),
          staging.offset(slot),
          table.mask(i),
          table.position(i));
    }
    return to;
  }

  /** Whether a query could see the entry: pages out of a sliding window are not even listed. */
  private static boolean isNearby(BlockTable table, int entry, Workspace workspace) {
    long position = table.position(entry);
    return position <= workspace.highest && position + PageLayout.TOKENS_MAX > workspace.lowest;
  }

  /** The slots of a raw page that a tree's query may see: all before the step, some of it. */
  private static long seen(int ordinal, LayerPlan plan, Workspace workspace) {
    int ahead = ordinal * plan.page().pageTokens() - workspace.stepSlot;
    if (ahead >= 0) {
      return ahead < 64 ? workspace.seen >>> ahead : 0;
    }
    return ahead <= -64 ? -1L : workspace.seen << -ahead | ~(-1L << -ahead);
  }

  /** Lists the granules under one entry, each with its eighth of the live mask. */
  private static void addGranules(PageArena arena, Lane lane, int entry, long seen, PageRun run) {
    BlockTable table = lane.table();
    int pageTokens = lane.plan().page().pageTokens();
    long mask = table.mask(entry) & seen;
    for (int slot = 0; slot < pageTokens; slot += Lane.GRANULE) {
      long live = mask >>> slot & 0xff;
      if (live == 0) {
        continue;
      }
      long granule = lane.granuleOf(table.ordinal(entry) * pageTokens + slot);
      assert granule != PageId.NONE : "a live raw slot has no granule";
      run.add(
          arena.slab(granule),
          arena.slabNumber(granule),
          arena.offset(granule),
          live,
          table.position(entry) + slot);
    }
  }

  /** Points the queries at what pages that moved by {@code delta} are attended with. */
  private static void point(LayerPlan plan, int delta, Workspace workspace) {
    if (delta == 0 || plan.shape().rope().pairing() == Rope.Pairing.NONE) {
      workspace.queries.data(workspace.plain, workspace.plainOffset);
    } else {
      workspace.queries.data(turned(plan, -delta, workspace), 0);
    }
  }

  /** The workspace's queries, all heads, turned by {@code positions}. */
  private static MemorySegment turned(LayerPlan plan, int positions, Workspace workspace) {
    Rope rope = plan.shape().rope();
    int pairs = rope.dims() / 2;
    workspace.cosines = Workspace.fit(workspace.cosines, pairs);
    workspace.sines = Workspace.fit(workspace.sines, pairs);
    rope.turn(positions, workspace.cosines, workspace.sines);
    Queries queries = workspace.queries;
    int keyDim = queries.keyDim();
    long rows = (long) queries.tokens() * queries.heads();
    MemorySegment turned = workspace.turned(4 * rows * keyDim);
    MemorySegment.copy(workspace.plain, workspace.plainOffset, turned, 0, 4 * rows * keyDim);
    for (long row = 0; row < rows; row++) {
      for (int pair = 0; pair < pairs; pair++) {
        long first = row * keyDim + rope.first(pair);
        long second = row * keyDim + rope.second(pair);
        float x = turned.getAtIndex(JAVA_FLOAT, first);
        float y = turned.getAtIndex(JAVA_FLOAT, second);
        float cosine = workspace.cosines[pair];
        float sine = workspace.sines[pair];
        turned.setAtIndex(JAVA_FLOAT, first, x * cosine - y * sine);
        turned.setAtIndex(JAVA_FLOAT, second, x * sine + y * cosine);
      }
    }
    return turned;
  }
}
