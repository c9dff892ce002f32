package io.kvarena.store;

import io.kvarena.DraftTree;
import io.kvarena.LayerShape;
import io.kvarena.attention.AttentionState;
import io.kvarena.transform.TransformInstance;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicIntegerArray;

/**
 * The attention of one call in one layer, cut into units that any thread may do.
 *
 * <p>A <em>group</em> is queries of one sequence in one lane that stand in one page; it reads the
 * lane's pages in <em>splits</em> of a fixed number of pages, counted by ordinal. Each split is
 * folded into a state of its own, and the states merge in the order of the splits: so a result
 * depends on the query and what it reads, never on threads, on the other queries of the call, or on
 * which thread was quicker.
 *
 * <p>A unit is one split where there are few groups, else a whole group; that changes who folds,
 * not what is folded.
 *
 * <p>Where neighbouring sequences of a batch begin a split with the same pages, these are folded
 * first, for all of them at once (see {@link SharedRuns}); each group then goes on from its rows of
 * that state, as if it had folded the pages itself.
 */
class FoldJob implements FoldPool.Job {

  /** With that many groups for each thread, a whole group is a unit and its states are not kept. */
  private static final int GROUPS_PER_THREAD = 4;

  /** Most memory for the states of splits; beyond it whole groups are units. */
  static final long STATE_BYTES_MAX = 64L << 20;

  /**
   * Multiply-adds, for each token of a split, below which a call stays on its thread: some 50 µs of
   * a C kernel at 2,048 tokens a split, where waking a thread costs 5 to 50.
   */
  private static final long SHORT_WORK = 1024;

  private HostCache cache;
  private LayerPlan plan;
  private MemorySegment plain = MemorySegment.NULL;
  private MemorySegment out = MemorySegment.NULL;
  private MemorySegment results = MemorySegment.NULL;
  private MemorySegment target = MemorySegment.NULL;
  private int[] checked = {};
  private FoldGroup[] all = {};
  private int groups;
  private int sequences;
  private boolean isTree;
  private final SharedRuns shared;
  private final FoldPool.Job sharing = this::foldRun;
  private long work;
  private boolean bySplit;
  private int[] groupOfUnit = {};
  private AttentionState[] states = {};
  private AttentionState[] rotatedStates = {};
  private long firstNumber;
  private AtomicIntegerArray left = new AtomicIntegerArray(8);

  /** A job to be used again and again, by one call at a time. */
  FoldJob(HostCache cache) {
    this.cache = cache;
    plan = cache.plan(0);
    shared = new SharedRuns(cache);
  }

  /** Takes the queries of a call, f32 [tokens][queryHeads][keyDim]; throws if one is not finite. */
  void start(LayerPlan plan, MemorySegment queries, MemorySegment out) {
    this.plan = plan;
    this.out = out;
    groups = 0;
    work = 0;
    sequences = 0;
    isTree = false;
    long bytes = queries.byteSize();
    if (plain.byteSize() < bytes) {
      plain = Arena.ofAuto().allocate(bytes, 64);
    }
    int count = (int) (bytes / Float.BYTES);
    if (checked.length < count) {
      checked = new int[count];
    }
    Rows.copyQueries(queries, plain, checked, count, plan.index());
  }

  /**
   * Adds a lane's newest queries.
   *
   * @param position position of the first one
   * @param count query tokens: the lane's last
   * @param token where they start among the call's query tokens
   */
  void add(Lane lane, int position, int count, int token) {
    if (lane.firstHead() == 0) {
      sequences++;
    }
    int pageTokens = plan.page().pageTokens();
    int firstSlot = lane.end() - count;
    for (int from = 0; from < count; ) {
      int ordinal = (firstSlot + from) / pageTokens;
      int to = Math.min(count, (ordinal + 1) * pageTokens - firstSlot);
      FoldGroup group = next(lane);
      group.ordinal = ordinal;
      group.position = position + from;
      group.count = to - from;
      group.token = token + from;
      group.last = ordinal;
      group.ahead = 0;
      group.stepSlot = Integer.MAX_VALUE;
      group.splits = ordinal / cache.splitPages() + 1;
      work += work(ordinal, to - from);
      from = to;
    }
  }

  /**
   * Adds all queries of a lane's newest step, which is a tree: a group for each, as each sees slots
   * of its own. What was cached before they read together.
   *
   * @param position position of the step
   */
  void add(Lane lane, int position, DraftTree tree) {
    int tokens = tree.tokens();
    int pageTokens = plan.page().pageTokens();
    int firstSlot = lane.end() - tokens;
    isTree = true;
    for (int token = 0; token < tokens; token++) {
      int depth = tree.depth(token);
      int lowest = plan.shape().kind().lowestVisible(position + depth);
      FoldGroup group = next(lane);
      group.ordinal = firstSlot / pageTokens;
      group.last = (lane.end() - 1) / pageTokens;
      group.position = position + depth;
      group.ahead = tokens - 1 - depth;
      group.stepSlot = firstSlot;
      group.seen = 0;
      for (int at = token; at >= 0 && position + tree.depth(at) >= lowest; at = tree.parent(at)) {
        group.seen |= 1L << at;
      }
      group.count = 1;
      group.token = token;
      group.splits = group.last / cache.splitPages() + 1;
      work += work(group.last, 1);
    }
  }

  private FoldGroup next(Lane lane) {
    if (groups == all.length) {
      int room = Math.max(8, 2 * groups);
      all = Arrays.copyOf(all, room);
      for (int i = groups; i < room; i++) {
        all[i] = new FoldGroup(lane);
      }
      left = new AtomicIntegerArray(room);
    }
    FoldGroup group = all[groups++];
    group.lane = lane;
    group.sharedSplits = 0;
    return group;
  }

  /** About how many multiply-adds a group takes. */
  private long work(int ordinal, int count) {
    LayerShape shape = plan.shape();
    long slots = (long) (ordinal + 1) * plan.page().pageTokens();
    long window = count + (long) plan.page().pageTokens();
    window += Integer.MAX_VALUE - shape.kind().lowestVisible(Integer.MAX_VALUE);
    return Math.min(slots, window)
        * count
        * plan.laneQueryHeads()
        * (shape.keyDim() + shape.valueDim());
  }

  /** Computes everything and writes it to the call's {@code out}. */
  void run(FoldPool pool, Workspace own) {
    Offload offload = cache.offload();
    if (offload == null) {
      fold(pool, own);
      return;
    }
    int lease = offload.leases().enter();
    try {
      fold(pool, own);
    } finally {
      offload.leases().exit(lease);
    }
  }

  private void fold(FoldPool pool, Workspace own) {
    boolean alone =
        pool.threads() == 1
            || cache.kernel().spreads()
            || work < SHORT_WORK * cache.splitPages() * plan.page().pageTokens();
    // A kernel that spreads may order a device's work by how much it is given.
    boolean seek = (sequences > 1 || isTree) && !cache.kernel().spreads();
    int runs = seek ? shared.find(plan, all, groups, alone ? 1 : pool.threads()) : 0;
    bySplit = !alone && groups < GROUPS_PER_THREAD * pool.threads() && statesFit();
    target = out;
    firstNumber = cache.numberGroups(groups + runs);
    if (alone) {
      for (int run = 0; run < runs; run++) {
        foldRun(run, own);
      }
      for (int group = 0; group < groups; group++) {
        perform(group, own);
      }
    } else {
      // The caller's segment may be for its thread alone.
      if (results.byteSize() < out.byteSize()) {
        results = Arena.ofAuto().allocate(out.byteSize(), 64);
      }
      target = results;
      pool.run(sharing, runs, own);
      pool.run(this, bySplit ? layOut() : groups, own);
      MemorySegment.copy(results, 0, out, 0, out.byteSize());
    }
  }

  private boolean statesFit() {
    long bytes = 0;
    for (int group = 0; group < groups; group++) {
      bytes += all[group].splits * stateBytes(plan, all[group].count);
    }
    return bytes <= STATE_BYTES_MAX;
  }

  /** Bytes of the states of a split for so many query tokens of a lane. */
  static long stateBytes(LayerPlan plan, int tokens) {
    boolean rotated = plan.transforms().values() != null;
    return (rotated ? 8L : 4L) * tokens * plan.laneQueryHeads() * plan.shape().valueDim();
  }

  /** Numbers the splits and gives each a state; how many there are. */
  private int layOut() {
    int units = 0;
    for (int group = 0; group < groups; group++) {
      all[group].firstUnit = units;
      left.set(group, all[group].splits);
      units += all[group].splits;
    }
    if (groupOfUnit.length < units) {
      groupOfUnit = new int[2 * units];
      states = larger(states, 2 * units);
      rotatedStates = larger(rotatedStates, 2 * units);
    }
    for (int group = 0; group < groups; group++) {
      int first = all[group].firstUnit;
      Arrays.fill(groupOfUnit, first, first + all[group].splits, group);
    }
    return units;
  }

  @Override
  public void perform(int unit, Workspace workspace) {
    if (!bySplit) {
      foldGroup(unit, workspace);
      return;
    }
    int group = groupOfUnit[unit];
    AttentionState state = states[unit];
    AttentionState rotated = isRotated() ? rotatedStates[unit] : state;
    int split = unit - all[group].firstUnit;
    fold(group, split, state, rotated, workspace);
    folded(group, split, workspace);
  }

  private static AttentionState[] larger(AttentionState[] states, int count) {
    AttentionState[] all = Arrays.copyOf(states, count);
    for (int i = states.length; i < count; i++) {
      all[i] = new AttentionState();
    }
    return all;
  }

  /** Whether encoded pages hold rotated values, whose sums go into states of their own. */
  private boolean isRotated() {
    return plan.transforms().values() != null;
  }

  private void foldGroup(int group, Workspace workspace) {
    AttentionState state = workspace.state;
    AttentionState rotated = isRotated() ? workspace.rotated : state;
    AttentionState part = workspace.part;
    AttentionState rotatedPart = isRotated() ? workspace.rotatedPart : part;
    fold(group, 0, state, rotated, workspace);
    for (int split = 1; split < all[group].splits; split++) {
      fold(group, split, part, rotatedPart, workspace);
      state.merge(part);
      if (rotated != state) {
        rotated.merge(rotatedPart);
      }
    }
    finish(group, state, rotated, workspace);
  }

  /** Folds one split of a group into states that it empties or takes from a shared run first. */
  private void fold(
      int index, int split, AttentionState state, AttentionState rotated, Workspace workspace) {
    FoldGroup group = all[index];
    int from = split * cache.splitPages();
    int behind = (int) Math.min(group.last + 1L, (long) from + cache.splitPages());
    SharedRun run = shared.of(group, split);
    if (run == null) {
      reset(group.count, state, rotated);
    } else {
      begin(run, group, state, rotated);
      from += run.pages;
    }
    if (from == behind) {
      return;
    }
    SplitFold.set(group.lane, plain, group.token, group.count, workspace);
    SplitFold.bound(group, 0, workspace);
    SplitFold.fold(
        cache,
        group.lane,
        group.ordinal,
        from,
        behind,
        firstNumber + index,
        state,
        rotated,
        workspace);
  }

  private void reset(int tokens, AttentionState state, AttentionState rotated) {
    state.reset(tokens, plan.laneQueryHeads(), plan.shape().valueDim());
    if (rotated != state) {
      rotated.reset(tokens, plan.laneQueryHeads(), plan.shape().valueDim());
    }
  }

  /** Starts a group's split with what was folded for all that share its first pages. */
  void begin(SharedRun run, FoldGroup group, AttentionState state, AttentionState rotated) {
    state.copy(run.state, group.token - run.token, group.count);
    if (rotated != state) {
      rotated.copy(run.rotated, group.token - run.token, group.count);
    }
  }

  /** Folds the pages of a shared run for the queries of all its groups. */
  private void foldRun(int index, Workspace workspace) {
    SharedRun run = shared.run(index);
    FoldGroup first = all[run.first];
    AttentionState rotated = isRotated() ? run.rotated : run.state;
    reset(run.tokens, run.state, rotated);
    SplitFold.set(first.lane, plain, run.token, run.tokens, workspace);
    for (int i = 0, at = run.first; i < run.groups; i++, at = all[at].next) {
      SplitFold.bound(all[at], all[at].token - run.token, workspace);
    }
    int from = run.split * cache.splitPages();
    SplitFold.fold(
        cache,
        first.lane,
        first.ordinal,
        from,
        from + run.pages,
        firstNumber + groups + index,
        run.state,
        rotated,
        workspace);
  }

  /** Called when a split is done; whoever does a group's last one merges them all in order. */
  void folded(int group, int split, Workspace workspace) {
    if (left.decrementAndGet(group) != 0) {
      return;
    }
    AttentionState state = state(group, 0);
    AttentionState rotated = isRotated() ? rotatedStates[all[group].firstUnit] : state;
    for (int other = 1; other < all[group].splits; other++) {
      state.merge(state(group, other));
      if (rotated != state) {
        rotated.merge(rotatedStates[all[group].firstUnit + other]);
      }
    }
    finish(group, state, rotated, workspace);
  }

  /** Splits of a group. */
  final int splits(int group) {
    return all[group].splits;
  }

  /** The state of a split. */
  final AttentionState state(int group, int split) {
    return states[all[group].firstUnit + split];
  }

  /** Maps the sums of rotated values back and writes a group's attention. */
  final void finish(int group, AttentionState state, AttentionState rotated, Workspace workspace) {
    LayerShape shape = plan.shape();
    TransformInstance rotation = plan.transforms().values();
    if (rotation != null) {
      workspace.rows.back(rotation, rotated.segment(), 4 * rotated.outIndex(0), rotated.rows());
      state.merge(rotated);
    }
    state.finish(
        shape.params(),
        all[group].lane.firstHead() * shape.group(),
        shape.queryHeads(),
        target,
        4L * all[group].token * shape.queryHeads() * shape.valueDim());
  }

  /** Lets go of what the call handed in. */
  void clear() {
    for (int group = 0; group < groups; group++) {
      all[group].clear();
    }
    out = MemorySegment.NULL;
    target = MemorySegment.NULL;
    groups = 0;
  }

  /** Native bytes held. */
  long bytes() {
    long bytes = plain.byteSize() + results.byteSize() + shared.bytes();
    for (int i = 0; i < states.length; i++) {
      bytes += states[i].bytes() + rotatedStates[i].bytes();
    }
    return bytes;
  }
}
