package io.kvarena.attention.vector;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import io.kvarena.format.PageLayout;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * Four query rows that go over a tile together, so that each vector of the tile is decoded once for
 * all of them. Where there are fewer, the last one stands in for the missing. Rows never mix, so it
 * makes no difference to a row which others it is put together with.
 */
final class Block {

  /** Rows of a full block. */
  static final int ROWS = 4;

  /** Floats from a row's weights to the next row's: those of the largest page. */
  static final int STRIDE = PageLayout.TOKENS_MAX;

  /** Bytes of a cache line. */
  static final long LINE = 64;

  /** The queries of all rows of the fold, f32 [row of the state][keyDim]. */
  float[] queries = {};

  /** How many of the rows are meant: 1 to 4. */
  int rows;

  /** Each row's row in the attention state. */
  final int[] stateRows = new int[ROWS];

  /** The slots that each row sees, at least one. */
  final long[] visible = new long[ROWS];

  /** Where each row's query starts in {@link #queries}. */
  final int[] starts = new int[ROWS];

  /** First logits, then weights, [row][STRIDE]. */
  final float[] weights = new float[ROWS * STRIDE];

  /** Weights times what a format's codes are to be multiplied with, [row][STRIDE]. */
  final float[] scaled = new float[ROWS * STRIDE];

  /** Dot products of a group of codes, [row][token of a pair of vectors]. */
  final float[] group = new float[ROWS * Lanes.PAIR];

  /** A quantised tile's scales, [group][token], and room for a pair of vectors. */
  float[] scales = {};

  /** What each row's weighted sum so far is multiplied with. */
  final float[] rescales = new float[ROWS];

  /** Memory whose bytes are needed next. */
  MemorySegment ahead = MemorySegment.NULL;

  /**
   * Where the loops that compute load a vector of {@link #ahead} for every vector pair of their
   * own: there is no prefetch in Java, and the memory is to work while the arithmetic does.
   */
  long aheadAt;

  /** Bytes from such a load to the next. */
  long aheadStep;

  /** Where what was loaded ahead goes, as nothing is loaded for nothing. */
  private final int[] touched = new int[Lanes.COUNT];

  /** Sums of a tile's weighted values, [row][sumStride]. */
  float[] sums = {};

  /** Channels of a value, and room for the rest of a pair of vectors. */
  int sumStride;

  private int keyDim;

  /** Room for queries of {@code keyDim} and values of {@code valueDim} channels. */
  void fit(int keyDim, int valueDim) {
    this.keyDim = keyDim;
    sumStride = Lanes.roundUp(valueDim, Lanes.PAIR);
    if (sums.length < ROWS * sumStride) {
      sums = new float[ROWS * sumStride];
    }
  }

  /** Has {@code bytes} from {@code at} on loaded ahead in {@code loads} loads, each of its line. */
  void loadAhead(MemorySegment memory, long at, long bytes, int loads) {
    ahead = memory;
    aheadAt = at;
    aheadStep = loads == 0 ? 0 : bytes / loads;
  }

  /** Ends a loop that loaded ahead. */
  void touched(long nextAt, IntVector loaded) {
    aheadAt = nextAt;
    loaded.intoArray(touched, 0);
  }

  /** Makes a row of the state, which sees {@code slots} of the page, one of the block's. */
  void choose(int row, int stateRow, long slots) {
    stateRows[row] = stateRow;
    visible[row] = slots;
    starts[row] = stateRow * keyDim;
  }

  /** Lets the query of the last row stand in for the missing ones. */
  void fillStarts() {
    for (int row = rows; row < ROWS; row++) {
      starts[row] = starts[rows - 1];
    }
  }

  /** Sets the logits of two vectors of tokens to zero. */
  void clearWeights(int token) {
    for (int row = 0; row < ROWS; row++) {
      int from = row * STRIDE + token;
      Arrays.fill(weights, from, from + Lanes.PAIR, 0);
    }
  }

  /** Continues the weighted sum of a row, which lies in {@code state} from byte {@code at} on. */
  void addSums(int row, MemorySegment state, long at, int channels) {
    int from = row * sumStride;
    float rescale = rescales[row];
    FloatVector factor = FloatVector.broadcast(Lanes.FLOATS, rescale);
    ByteOrder order = ByteOrder.nativeOrder();
    int channel = 0;
    for (; channel <= channels - Lanes.COUNT; channel += Lanes.COUNT) {
      long to = at + 4L * channel;
      FloatVector sum = FloatVector.fromArray(Lanes.FLOATS, sums, from + channel);
      FloatVector before = FloatVector.fromMemorySegment(Lanes.FLOATS, state, to, order);
      before.fma(factor, sum).intoMemorySegment(state, to, order);
    }
    for (; channel < channels; channel++) {
      long to = at + 4L * channel;
      float sum = state.get(JAVA_FLOAT_UNALIGNED, to) * rescale + sums[from + channel];
      state.set(JAVA_FLOAT_UNALIGNED, to, sum);
    }
  }
}
