package io.kvarena.attention;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import io.kvarena.AttentionParams;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

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
    long bytes = 4L * rows * (2 + valueDim);
    if (segment.byteSize() < bytes) {
      // Collected with this object: states are few, reused, and never closed by hand.
      segment = Arena.ofAuto().allocate(bytes, 64);
    }
    for (int row = 0; row < rows; row++) {
      segment.setAtIndex(JAVA_FLOAT, row, NOTHING_SEEN);
    }
    long floats = (long) rows * (2 + valueDim);
    for (long i = rows; i < floats; i++) {
      segment.setAtIndex(JAVA_FLOAT, i, 0);
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
    for (int row = 0; row < rows; row++) {
      float mine = max(row);
      float theirs = other.max(row);
      float max = Math.max(mine, theirs);
      float scaleMine = (float) Math.exp(mine - max);
      float scaleTheirs = (float) Math.exp(theirs - max);
      segment.setAtIndex(JAVA_FLOAT, maxIndex(row), max);
      segment.setAtIndex(
          JAVA_FLOAT, sumIndex(row), sum(row) * scaleMine + other.sum(row) * scaleTheirs);
      long at = outIndex(row);
      for (int i = 0; i < valueDim; i++) {
        float value =
            segment.getAtIndex(JAVA_FLOAT, at + i) * scaleMine
                + other.segment.getAtIndex(JAVA_FLOAT, at + i) * scaleTheirs;
        segment.setAtIndex(JAVA_FLOAT, at + i, value);
      }
    }
  }

  /**
   * Writes o / d of every row to {@code out}, f32 [tokens][outHeads][valueDim] from byte {@code
   * offset} on, at the heads from {@code firstHead}; sink logits, if any, take their weight here,
   * once. A row that saw nothing gives zeros.
   */
  public void finish(
      AttentionParams params, int firstHead, int outHeads, MemorySegment out, long offset) {
    for (int row = 0; row < rows; row++) {
      float max = max(row);
      float sum = sum(row);
      float scale = sum > 0 ? 1 / sum : 0;
      if (params.hasSinks()) {
        float sink = params.sinkLogit(firstHead + row % heads);
        float both = Math.max(max, sink);
        float seen = (float) Math.exp(max - both);
        scale = (float) (seen / (seen * (double) sum + Math.exp(sink - both)));
      }
      long from = outIndex(row);
      long to =
          offset + 4L * valueDim * ((long) (row / heads) * outHeads + firstHead + row % heads);
      for (int i = 0; i < valueDim; i++) {
        out.set(
            JAVA_FLOAT_UNALIGNED, to + 4L * i, segment.getAtIndex(JAVA_FLOAT, from + i) * scale);
      }
    }
  }

  /** Bytes of native memory held. */
  public long bytes() {
    return segment.byteSize();
  }
}
