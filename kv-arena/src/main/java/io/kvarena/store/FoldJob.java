package io.kvarena.store;

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
 */
class FoldJob implements FoldPool.Job {

  /** With that many groups for each thread, a whole group is a unit and its states are not kept. */
  private static final int GROUPS_PER_THREAD = 4;

  /** Most memory for the states of splits; beyond it whole groups are units. */
  private static final long STATE_BYTES_MAX = 64L << 20;

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
  private int groups;
  private Lane[] lanes = new Lane[8];
  private int[] ordinals = new int[8];
  private int[] positions = new int[8];
  private int[] counts = new int[8];
  private int[] tokens = new int[8];
  private int[] splits = new int[8];
  private int[] firstUnits = new int[8];
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
  }

  /** Takes the queries of a call, f32 [tokens][queryHeads][keyDim]; throws if one is not finite. */
  void start(LayerPlan plan, MemorySegment queries, MemorySegment out) {
    this.plan = plan;
    this.out = out;
    groups = 0;
    work = 0;
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
    int pageTokens = plan.page().pageTokens();
    int firstSlot = lane.end() - count;
    for (int from = 0; from < count; ) {
      int ordinal = (firstSlot + from) / pageTokens;
      int to = Math.min(count, (ordinal + 1) * pageTokens - firstSlot);
      if (groups == counts.length) {
        grow();
      }
      lanes[groups] = lane;
      ordinals[groups] = ordinal;
      positions[groups] = position + from;
      counts[groups] = to - from;
      tokens[groups] = token + from;
      splits[groups] = ordinal / cache.splitPages() + 1;
      work += work(ordinal, to - from);
      groups++;
      from = to;
    }
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

  private void grow() {
    int room = 2 * groups;
    lanes = Arrays.copyOf(lanes, room);
    ordinals = Arrays.copyOf(ordinals, room);
    positions = Arrays.copyOf(positions, room);
    counts = Arrays.copyOf(counts, room);
    tokens = Arrays.copyOf(tokens, room);
    splits = Arrays.copyOf(splits, room);
    firstUnits = Arrays.copyOf(firstUnits, room);
    left = new AtomicIntegerArray(room);
  }

  /** Computes everything and writes it to the call's {@code out}. */
  void run(FoldPool pool, Workspace own) {
    boolean alone =
        pool.threads() == 1
            || cache.kernel().spreads()
            || work < SHORT_WORK * cache.splitPages() * plan.page().pageTokens();
    bySplit = !alone && groups < GROUPS_PER_THREAD * pool.threads() && statesFit();
    target = out;
    firstNumber = cache.numberGroups(groups);
    if (alone) {
      for (int group = 0; group < groups; group++) {
        perform(group, own);
      }
    } else {
      // The caller's segment may be for its thread alone.
      if (results.byteSize() < out.byteSize()) {
        results = Arena.ofAuto().allocate(out.byteSize(), 64);
      }
      target = results;
      pool.run(this, bySplit ? layOut() : groups, own);
      MemorySegment.copy(results, 0, out, 0, out.byteSize());
    }
  }

  private boolean statesFit() {
    long bytes = 0;
    for (int group = 0; group < groups; group++) {
      bytes +=
          (isRotated() ? 8L : 4L)
              * splits[group]
              * counts[group]
              * plan.laneQueryHeads()
              * plan.shape().valueDim();
    }
    return bytes <= STATE_BYTES_MAX;
  }

  /** Numbers the splits and gives each a state; how many there are. */
  private int layOut() {
    int units = 0;
    for (int group = 0; group < groups; group++) {
      firstUnits[group] = units;
      left.set(group, splits[group]);
      units += splits[group];
    }
    if (groupOfUnit.length < units) {
      groupOfUnit = new int[2 * units];
      states = larger(states, 2 * units);
      rotatedStates = larger(rotatedStates, 2 * units);
    }
    for (int group = 0; group < groups; group++) {
      Arrays.fill(groupOfUnit, firstUnits[group], firstUnits[group] + splits[group], group);
      for (int split = 0; split < splits[group]; split++) {
        reset(group, states[firstUnits[group] + split]);
        if (isRotated()) {
          reset(group, rotatedStates[firstUnits[group] + split]);
        }
      }
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
    fold(group, unit - firstUnits[group], state, rotated, workspace);
    folded(group, unit - firstUnits[group], workspace);
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
    reset(group, state);
    if (rotated != state) {
      reset(group, rotated);
    }
    fold(group, 0, state, rotated, workspace);
    for (int split = 1; split < splits[group]; split++) {
      reset(group, part);
      if (rotatedPart != part) {
        reset(group, rotatedPart);
      }
      fold(group, split, part, rotatedPart, workspace);
      state.merge(part);
      if (rotated != state) {
        rotated.merge(rotatedPart);
      }
    }
    finish(group, state, rotated, workspace);
  }

  private void reset(int group, AttentionState state) {
    state.reset(counts[group], plan.laneQueryHeads(), plan.shape().valueDim());
  }

  private void fold(
      int group, int split, AttentionState state, AttentionState rotated, Workspace workspace) {
    SplitFold.fold(
        cache,
        lanes[group],
        ordinals[group],
        split,
        plain,
        tokens[group],
        counts[group],
        positions[group],
        firstNumber + group,
        state,
        rotated,
        workspace);
  }

  /** Called when a split is done; whoever does a group's last one merges them all in order. */
  void folded(int group, int split, Workspace workspace) {
    if (left.decrementAndGet(group) != 0) {
      return;
    }
    AttentionState state = state(group, 0);
    AttentionState rotated = isRotated() ? rotatedStates[firstUnits[group]] : state;
    for (int other = 1; other < splits[group]; other++) {
      state.merge(state(group, other));
      if (rotated != state) {
        rotated.merge(rotatedStates[firstUnits[group] + other]);
      }
    }
    finish(group, state, rotated, workspace);
  }

  /** Splits of a group. */
  final int splits(int group) {
    return splits[group];
  }

  /** The state of a split. */
  final AttentionState state(int group, int split) {
    return states[firstUnits[group] + split];
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
        lanes[group].firstHead() * shape.group(),
        shape.queryHeads(),
        target,
        4L * tokens[group] * shape.queryHeads() * shape.valueDim());
  }

  /** Lets go of what the call handed in. */
  @SuppressWarnings("NullAway") // the lanes of a job at rest are not read
  void clear() {
    Arrays.fill(lanes, 0, groups, null);
    out = MemorySegment.NULL;
    target = MemorySegment.NULL;
    groups = 0;
  }

  /** Native bytes held. */
  long bytes() {
    long bytes = plain.byteSize() + results.byteSize();
    for (int i = 0; i < states.length; i++) {
      bytes += states[i].bytes() + rotatedStates[i].bytes();
    }
    return bytes;
  }
}
