package io.kvarena.store;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import io.kvarena.LayerShape;
import io.kvarena.Rope;
import io.kvarena.attention.AttentionKernel;
import io.kvarena.attention.PageRun;
import io.kvarena.attention.Queries;
import io.kvarena.format.PageLayout;
import io.kvarena.memory.PageArena;
import io.kvarena.memory.PageId;
import java.lang.foreign.MemorySegment;

/**
 * Attention of a step's queries over one lane: folds the encoded pages before the query's own page,
 * then the raw granules of its own page, run by run, a run being neighbouring entries with one
 * delta. What a query reads depends on its own page alone, never on the other queries of the call.
 */
final class LaneAttention {

  private LaneAttention() {}

  /**
   * Attends one lane.
   *
   * @param lane the lane
   * @param stepEnd slot behind the step's last token
   * @param position position of the first query
   * @param count query tokens; they are the last of the step
   * @param plain native copy of the queries, f32 [count][queryHeads][keyDim]
   * @param out written at the lane's heads, f32 [count][queryHeads][valueDim] from byte {@code
   *     outOffset} on
   */
  static void attend(
      HostCache cache,
      Lane lane,
      int stepEnd,
      int position,
      int count,
      MemorySegment plain,
      MemorySegment out,
      long outOffset,
      Workspace workspace) {
    LayerPlan plan = lane.plan();
    LayerShape shape = plan.shape();
    int pageTokens = plan.page().pageTokens();
    int firstSlot = stepEnd - count;
    int firstQueryHead = lane.firstHead() * shape.group();
    for (int from = 0; from < count; ) {
      int ordinal = (firstSlot + from) / pageTokens;
      int to = Math.min(count, (ordinal + 1) * pageTokens - firstSlot);
      long row = 4L * shape.queryHeads() * shape.keyDim();
      Queries queries = workspace.queries;
      queries.set(
          plain,
          from * row,
          to - from,
          shape.queryHeads(),
          shape.keyDim(),
          shape.params().scale(),
          shape.params().softCap());
      queries.firstHead(firstQueryHead);
      for (int i = from; i < to; i++) {
        queries.bounds(i - from, shape.kind().lowestVisible(position + i), position + i);
      }
      workspace.state.reset(to - from, plan.laneQueryHeads(), shape.valueDim());
      fold(cache, lane, ordinal, plain, from * row, workspace);
      workspace.state.finish(
          shape.params(),
          firstQueryHead,
          shape.queryHeads(),
          out,
          outOffset + 4L * from * shape.queryHeads() * shape.valueDim());
      from = to;
    }
  }

  private static void fold(
      HostCache cache,
      Lane lane,
      int ordinal,
      MemorySegment plain,
      long plainOffset,
      Workspace workspace) {
    BlockTable table = lane.table();
    LayerPlan plan = lane.plan();
    assert lane.isRaw(ordinal) : "the queries' own page is not raw";
    int end = table.firstOf(ordinal + 1);
    int rawFrom = table.firstOf(ordinal);
    for (int i = 0; i < rawFrom; ) {
      int delta = table.delta(i);
      workspace.run.start(plan.page());
      for (; i < rawFrom && table.delta(i) == delta; i++) {
        if (isNearby(table, i, workspace.queries)) {
          addPage(cache.arena(), table, i, workspace.run);
        }
      }
      foldRun(cache, plan, delta, plain, plainOffset, workspace);
      cache.counters().sealedBytesRead.add(workspace.run.size() * plan.page().pageBytes());
    }
    for (int i = rawFrom; i < end; i++) {
      workspace.run.start(plan.granule());
      addGranules(cache.arena(), lane, i, workspace.run);
      foldRun(cache, plan, table.delta(i), plain, plainOffset, workspace);
      cache.counters().tailBytesRead.add(workspace.run.size() * plan.granule().pageBytes());
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

  private static void foldRun(
      HostCache cache,
      LayerPlan plan,
      int delta,
      MemorySegment plain,
      long plainOffset,
      Workspace workspace) {
    if (workspace.run.size() == 0) {
      return;
    }
    AttentionKernel kernel = cache.kernel();
    Queries queries = workspace.queries;
    if (delta == 0 || plan.shape().rope().pairing() == Rope.Pairing.NONE) {
      queries.data(plain, plainOffset);
    } else {
      queries.data(turned(plan, -delta, plain, plainOffset, workspace), 0);
    }
    kernel.fold(queries, workspace.run, workspace.state);
  }

  /** The queries of the segment, all heads, turned by {@code positions}. */
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
