package io.kvarena.store;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import io.kvarena.LayerShape;
import io.kvarena.Rope;
import io.kvarena.attention.AttentionState;
import io.kvarena.attention.PageRun;
import io.kvarena.attention.Queries;
import io.kvarena.format.PageLayout;
import io.kvarena.memory.PageArena;
import io.kvarena.memory.PageId;
import io.kvarena.transform.TransformInstance;
import java.lang.foreign.MemorySegment;

/**
 * Folds one split of a lane's pages for queries that stand in one page: pinned pages, encoded ones,
 * then the raw granules of the recent pages and of the queries' own, run by run, a run being
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
   * Folds one split.
   *
   * @param lane the lane
   * @param ordinal page in which the queries stand
   * @param split number of the split; the last one is that of {@code ordinal}
   * @param plain native copy of the call's queries, f32 [tokens][queryHeads][keyDim]
   * @param token the first of the queries in it
   * @param count query tokens
   * @param position position of the first query
   * @param group a number that no other queries have
   * @param state for pages of plain values
   * @param rotated for pages of rotated values; {@code state} if there are none
   */
  static void fold(
      HostCache cache,
      Lane lane,
      int ordinal,
      int split,
      MemorySegment plain,
      int token,
      int count,
      int position,
      long group,
      AttentionState state,
      AttentionState rotated,
      Workspace workspace) {
    assert lane.isRaw(ordinal) : "the queries' own page is not raw";
    LayerPlan plan = lane.plan();
    LayerShape shape = plan.shape();
    Queries queries = workspace.queries;
    long plainOffset = 4L * token * shape.queryHeads() * shape.keyDim();
    queries.set(
        plain,
        plainOffset,
        count,
        shape.queryHeads(),
        shape.keyDim(),
        shape.params().scale(),
        shape.params().softCap());
    queries.firstHead(lane.firstHead() * shape.group());
    for (int i = 0; i < count; i++) {
      queries.bounds(i, shape.kind().lowestVisible(position + i), position + i);
    }
    int first = split * cache.splitPages();
    int last = (int) Math.min(ordinal, (long) first + cache.splitPages() - 1);
    // Recent pages may be encoded only, where a truncation came back to long before the end.
    int raw = ordinal;
    while (raw > Math.max(0, ordinal - plan.recentPages()) && lane.isRaw(raw - 1)) {
      raw--;
    }
    BlockTable table = lane.table();
    int start = table.firstOf(first);
    int end = table.firstOf(last + 1);
    int rawFrom = Math.clamp(table.firstOf(raw), start, end);
    int encodedFrom = Math.clamp(table.firstOf(plan.pinnedPages()), start, rawFrom);
    foldPages(
        cache, lane, start, encodedFrom, plan.pinned(), plain, plainOffset, -1, state, workspace);
    foldPages(
        cache,
        lane,
        encodedFrom,
        rawFrom,
        plan.page(),
        plain,
        plainOffset,
        group,
        rotated,
        workspace);
    for (int i = rawFrom; i < end; i++) {
      workspace.run.start(plan.granule());
      addGranules(cache.arena(), lane, i, workspace.run);
      if (workspace.run.size() > 0) {
        point(plan, table.delta(i), plain, plainOffset, workspace);
        cache.kernel().fold(queries, workspace.run, state);
      }
      cache.counters().tailBytesRead.addAndGet(workspace.run.size() * plan.granule().pageBytes());
    }
  }

  /**
   * Folds the sealed pages of the entries [from, to).
   *
   * @param group the queries' number if the pages may be transformed, else −1
   */
  private static void foldPages(
      HostCache cache,
      Lane lane,
      int from,
      int to,
      PageLayout layout,
      MemorySegment plain,
      long plainOffset,
      long group,
      AttentionState state,
      Workspace workspace) {
    BlockTable table = lane.table();
    LayerPlan plan = lane.plan();
    for (int i = from; i < to; ) {
      int delta = table.delta(i);
      workspace.run.start(layout);
      for (; i < to && table.delta(i) == delta; i++) {
        if (isNearby(table, i, workspace.queries)) {
          addPage(cache.arena(), table, i, workspace.run);
        }
      }
      if (workspace.run.size() == 0) {
        continue;
      }
      cache.counters().sealedBytesRead.addAndGet(workspace.run.size() * layout.pageBytes());
      TransformInstance[] instances = lane.keyInstances();
      if (group < 0 || instances.length == 0) {
        point(plan, delta, plain, plainOffset, workspace);
        cache.kernel().fold(workspace.queries, workspace.run, state);
        continue;
      }
      CodedQueries coded = workspace.coded;
      if (!coded.are(group, delta)) {
        point(plan, delta, plain, plainOffset, workspace);
        coded.make(
            workspace.queries, instances, plan.shape().group(), workspace.rows, group, delta);
      }
      coded.point(workspace.queries);
      if (instances[0].isCentred()) {
        coded.lower(state);
        cache.kernel().fold(workspace.queries, workspace.run, state);
        coded.raise(state);
      } else {
        cache.kernel().fold(workspace.queries, workspace.run, state);
      }
    }
  }

  /** Whether a query could see the entry: pages out of a sliding window are not even listed. */
  private static boolean isNearby(BlockTable table, int entry, Queries queries) {
    long position = table.position(entry);
    int last = queries.tokens() - 1;
    return position <= queries.highest(last)
        && position + PageLayout.TOKENS_MAX > queries.lowest(0);
  }

  private static void addPage(PageArena arena, BlockTable table, int entry, PageRun run) {
    long page = table.page(entry);
    assert page != PageId.NONE : "an earlier page was not sealed";
    run.add(
        arena.slab(page),
        arena.slabNumber(page),
        arena.offset(page),
        table.mask(entry),
        table.position(entry));
  }

  /** Lists the granules under one entry, each with its eighth of the live mask. */
  private static void addGranules(PageArena arena, Lane lane, int entry, PageRun run) {
    BlockTable table = lane.table();
    int pageTokens = lane.plan().page().pageTokens();
    long mask = table.mask(entry);
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
  private static void point(
      LayerPlan plan, int delta, MemorySegment plain, long plainOffset, Workspace workspace) {
    if (delta == 0 || plan.shape().rope().pairing() == Rope.Pairing.NONE) {
      workspace.queries.data(plain, plainOffset);
    } else {
      workspace.queries.data(turned(plan, -delta, plain, plainOffset, workspace), 0);
    }
  }

  /** The queries of the group, all heads, turned by {@code positions}. */
  private static MemorySegment turned(
      LayerPlan plan, int positions, MemorySegment plain, long plainOffset, Workspace workspace) {
    Rope rope = plan.shape().rope();
    int pairs = rope.dims() / 2;
    workspace.cosines = Workspace.fit(workspace.cosines, pairs);
    workspace.sines = Workspace.fit(workspace.sines, pairs);
    rope.turn(positions, workspace.cosines, workspace.sines);
    Queries queries = workspace.queries;
    int keyDim = queries.keyDim();
    long rows = (long) queries.tokens() * queries.heads();
    MemorySegment turned = workspace.turned(4 * rows * keyDim);
    MemorySegment.copy(plain, plainOffset, turned, 0, 4 * rows * keyDim);
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
