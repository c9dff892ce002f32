package io.kvarena.attention;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import io.kvarena.AttentionParams;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * The running softmax of many query rows: for each the largest logit m, the denominator d and the
 * weighted sum o, all f32 in native memory.
 *
 * <pre>
 * max [rows] | sum [rows] | out [rows][valueDim]
 * </pre>
 *
 * A row is (query token, query head of the run): {@code token * heads + head}, the heads counted
 * from the run's first. States of the same rows merge by log-sum-exp in any order and grouping,
 * which is what lets splits, devices and tiers work apart.
 */
public final class AttentionState {

  /** Largest logit of a row that has seen nothing: finite, as fast math knows no infinities. */
  public static final float NOTHING_SEEN = -1e30f;

  private MemorySegment segment = MemorySegment.NULL;

  /** A copy on the heap, where the JIT vectorises plain loops. */
  private float[] scratch = {};

  private int rows;
  private int heads;
  private int valueDim;

  /** A state without rows; a store makes few and reuses them. */
  public AttentionState() {}

  /** Makes this the empty state of {@code tokens × heads} rows; grows its memory if it must. */
  public void reset(int tokens, int heads, int valueDim) {
    this.rows = tokens * heads;
    this.heads = heads;
    this.valueDim = valueDim;
    fit();
    int floats = rows * (2 + valueDim);
    scratch = floats(scratch, floats);
    if (segment.byteSize() < 8L * floats) {
      segment.fill((byte) 0);
    } else {
      // A slice to be filled would be an object; so few of many floats are copied instead.
      Arrays.fill(scratch, rows, floats, 0);
      MemorySegment.copy(scratch, rows, segment, JAVA_FLOAT, 4L * rows, floats - rows);
    }
    Arrays.fill(scratch, 0, rows, NOTHING_SEEN);
    MemorySegment.copy(scratch, 0, segment, JAVA_FLOAT, 0, rows);
  }

  /**
   * Makes this a copy of some rows of another state: those of {@code tokens} query tokens from
   * {@code firstToken} on.
   */
  public void copy(AttentionState other, int firstToken, int tokens) {
    if (firstToken < 0 || tokens < 0 || (firstToken + tokens) * (long) other.heads > other.rows) {
      throw new IllegalArgumentException(
          "no such tokens in the state: firstToken="
              + firstToken
              + ", tokens="
              + tokens
              + ", rows="
              + other.rows
              + ", heads="
              + other.heads
              + "; copy some that it has");
    }
    rows = tokens * other.heads;
    heads = other.heads;
    valueDim = other.valueDim;
    fit();
    int row = firstToken * heads;
    copy(other, other.maxIndex(row), maxIndex(0), rows);
    copy(other, other.sumIndex(row), sumIndex(0), rows);
    copy(other, other.outIndex(row), outIndex(0), (long) rows * valueDim);
  }

  private void copy(AttentionState other, long from, long to, long floats) {
    MemorySegment.copy(other.segment, 4 * from, segment, 4 * to, 4 * floats);
  }

  private void fit() {
    long bytes = 4L * rows * (2 + valueDim);
    if (segment.byteSize() < bytes) {
      // Collected with this object: states are few, reused, and never closed by hand.
      segment = Arena.ofAuto().allocate(bytes, 64);
    }
  }

  /** The native memory of the state, at least as long as the three areas. */
  public MemorySegment segment() {
    return segment;
  }

  /** Rows: query tokens times query heads. */
  public int rows() {
    return rows;
  }

  /** Query heads of each token: the stride between the rows of neighbouring tokens. */
  public int heads() {
    return heads;
  }

  public int valueDim() {
    return valueDim;
  }

  /** Index, in floats, of the largest logit of a row. */
  public long maxIndex(int row) {
    return row;
  }

  /** Index, in floats, of the denominator of a row. */
  public long sumIndex(int row) {
    return (long) rows + row;
  }

  /** Index, in floats, of the first value of a row's weighted sum. */
  public long outIndex(int row) {
    return 2L * rows + (long) row * valueDim;
  }

  public float max(int row) {
    return segment.getAtIndex(JAVA_FLOAT, maxIndex(row));
  }

  public float sum(int row) {
    return segment.getAtIndex(JAVA_FLOAT, sumIndex(row));
  }

  /** Takes in another state of the same rows, which folded other pages. */
  public void merge(AttentionState other) {
    if (other.rows != rows || other.valueDim != valueDim) {
      throw new IllegalArgumentException(
          "states of different rows do not merge: rows="
              + rows
              + ", otherRows="
              + other.rows
              + ", valueDim="
              + valueDim
              + ", otherValueDim="
              + other.valueDim
              + "; reset both alike");
    }
    scratch = floats(scratch, rows * (2 + valueDim));
    other.scratch = floats(other.scratch, rows * (2 + valueDim));
    float[] mine = scratch;
    float[] theirs = other.scratch;
    MemorySegment.copy(segment, JAVA_FLOAT, 0, mine, 0, rows * (2 + valueDim));
    MemorySegment.copy(other.segment, JAVA_FLOAT, 0, theirs, 0, rows * (2 + valueDim));
    for (int row = 0; row < rows; row++) {
      if (theirs[row] == NOTHING_SEEN) {
        // Left as it is, to the bit: a query's result does not tell which pages it did not see.
        continue;
      }
      float max = Math.max(mine[row], theirs[row]);
      float scaleMine = weight(mine[row], max);
      float scaleTheirs = weight(theirs[row], max);
      mine[row] = max;
      mine[rows + row] = mine[rows + row] * scaleMine + theirs[rows + row] * scaleTheirs;
      addScaled(mine, theirs, 2 * rows + row * valueDim, valueDim, scaleMine, scaleTheirs);
    }
    MemorySegment.copy(mine, 0, segment, JAVA_FLOAT, 0, rows * (2 + valueDim));
  }

  /** exp(logit − max), exact and free for the larger of the two. */
  private static float weight(float logit, float max) {
    return logit == max ? 1 : (float) Math.exp(logit - max);
  }

  private static void addScaled(
      float[] to, float[] from, int at, int count, float scaleTo, float scaleFrom) {
    for (int i = at; i < at + count; i++) {
      to[i] = to[i] * scaleTo + from[i] * scaleFrom;
    }
  }

  private static float[] floats(float[] array, int count) {
    return array.length >= count ? array : new float[count];
  }

  /**
   * Writes o / d of every row to {@code out}, f32 [tokens][outHeads][valueDim] from byte {@code
   * offset} on, at the heads from {@code firstHead}; sink logits, if any, take their weight here,
   * once. A row that saw nothing gives zeros.
   */
  public void finish(
      AttentionParams params, int firstHead, int outHeads, MemorySegment out, long offset) {
    int all = rows * (2 + valueDim);
    scratch = floats(scratch, all);
    float[] mine = scratch;
    MemorySegment.copy(segment, JAVA_FLOAT, 0, mine, 0, all);
    for (int row = 0; row < rows; row++) {
      float sum = mine[rows + row];
      float scale = sum > 0 ? 1 / sum : 0;
      if (params.hasSinks()) {
        float sink = params.sinkLogit(firstHead + row % heads);
        float both = Math.max(mine[row], sink);
        float seen = (float) Math.exp(mine[row] - both);
        scale = (float) (seen / (seen * (double) sum + Math.exp(sink - both)));
      }
      scale(mine, 2 * rows + row * valueDim, valueDim, scale);
    }
    int width = heads * valueDim;
    for (int row = 0; row < rows; row += heads) {
      long to = offset + 4L * valueDim * ((long) (row / heads) * outHeads + firstHead);
      MemorySegment.copy(mine, 2 * rows + row * valueDim, out, JAVA_FLOAT_UNALIGNED, to, width);
    }
  }

  private static void scale(float[] values, int at, int count, float scale) {
    for (int i = at; i < at + count; i++) {
      values[i] *= scale;
    }
  }

  /** Bytes of native memory held. */
  public long bytes() {
    return segment.byteSize();
  }
}
