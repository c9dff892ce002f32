package io.kvarena.attention.vector;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import io.kvarena.attention.AttentionState;
import io.kvarena.attention.Queries;
import io.kvarena.format.PageLayout;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/**
 * The query rows that go over some tiles of a page together: first over the keys of all their heads
 * and then over the values, so that memory is read in the order in which it lies.
 */
final class Sweep {

  /** The most rows of a sweep, a multiple of a block's: their weights are to stay in the cache. */
  static final int ROWS = 128;

  /** Floats from a row's weights to the next row's: those of the largest page. */
  static final int STRIDE = PageLayout.TOKENS_MAX;

  /** Codes of up to this many elements share an int: queries are padded with zeros to it. */
  static final int ELEMENTS = 32;

  /** The queries of all rows of the fold, f32 [row of the state][queryStride]. */
  float[] queries = {};

  /** First logits, then weights, [row][STRIDE], and a row that takes what nobody needs. */
  final float[] weights = new float[ROWS * STRIDE + STRIDE];

  /** Where that row is. */
  static final int SPARE = ROWS * STRIDE;

  /** Weighted sums of all rows of the fold, behind one that takes what nobody needs, [1 + row]. */
  float[] sums = {};

  /** Floats from a row's weighted sums to the next row's, a multiple of a pair of vectors. */
  private int sumStride;

  /** Each row's row in the attention state. */
  final int[] stateRows = new int[ROWS];

  /** The slots that each row sees, at least one. */
  final long[] visible = new long[ROWS];

  int queryStride;

  /** Copies the queries of a fold's heads, times {@code factor}. */
  void copy(Queries from, int heads, float factor) {
    int keyDim = from.keyDim();
    int rows = from.tokens() * heads;
    queryStride = Lanes.roundUp(keyDim, ELEMENTS);
    if (queries.length < rows * queryStride) {
      queries = new float[rows * queryStride];
    }
    for (int row = 0; row < rows; row++) {
      long at = from.rowOffset(row / heads, from.firstHead() + row % heads);
      int start = row * queryStride;
      MemorySegment.copy(from.data(), JAVA_FLOAT_UNALIGNED, at, queries, start, keyDim);
      Arrays.fill(queries, start + keyDim, start + queryStride, 0);
    }
    if (factor != 1) {
      for (int i = 0; i < rows * queryStride; i++) {
        queries[i] *= factor;
      }
    }
  }

  /** Where a row's query starts in {@link #queries}. */
  int queryStart(int row) {
    return stateRows[row] * queryStride;
  }

  /** Takes over the weighted sums of {@code state}. */
  void start(AttentionState state) {
    sumStride = Lanes.roundUp(state.valueDim(), Lanes.PAIR);
    if (sums.length < (state.rows() + 1) * sumStride) {
      sums = new float[(state.rows() + 1) * sumStride];
    }
    for (int row = 0; row < state.rows(); row++) {
      int to = (row + 1) * sumStride;
      MemorySegment.copy(
          state.segment(),
          JAVA_FLOAT_UNALIGNED,
          4 * state.outIndex(row),
          sums,
          to,
          state.valueDim());
    }
  }

  /** Gives the weighted sums back. */
  void finish(AttentionState state) {
    for (int row = 0; row < state.rows(); row++) {
      int from = (row + 1) * sumStride;
      MemorySegment.copy(
          sums,
          from,
          state.segment(),
          JAVA_FLOAT_UNALIGNED,
          4 * state.outIndex(row),
          state.valueDim());
    }
  }

  /** Where the weighted sums of a row start in {@link #sums}. */
  int sumStart(int row) {
    return (stateRows[row] + 1) * sumStride;
  }

  /** Multiplies the weighted sums of a row. */
  void rescale(int row, float factor) {
    int from = sumStart(row);
    for (int i = from; i < from + sumStride; i += Lanes.COUNT) {
      FloatVector.fromArray(Lanes.FLOATS, sums, i).mul(factor).intoArray(sums, i);
    }
  }
}
