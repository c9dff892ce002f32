package io.kvarena.attention.vector;

import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Four rows of a sweep that a tile's codes are multiplied with together, so that each vector of the
 * tile is decoded once for all of them. Where there are fewer, the last one stands in for the
 * missing. Rows never mix, so it makes no difference to a row which others it is put together with.
 */
final class Block {

  /** Rows of a full block. */
  static final int ROWS = 4;

  /** Floats from a row's factors to the next row's, and the most elements of a tile. */
  static final int STRIDE = 1040;

  /** What the codes of an element are multiplied with, [row][STRIDE]. */
  final float[] factors = new float[ROWS * STRIDE];

  /** What codes and factors gave, [row][lane of a pair of vectors]. */
  final float[] products = new float[ROWS * Lanes.PAIR];

  /** What each row adds to all lanes, and the parts of it. */
  private final float[] biases = new float[ROWS];

  private final float[] parts = new float[Lanes.COUNT];

  /** Where products are added. */
  private float[] out = {};

  /** Where in {@link #out} lane 0 of each row is. */
  private final int[] outs = new int[ROWS];

  /** A tile's scales, and room for a pair of vectors. */
  private float[] decoded = {};

  private final Sweep sweep;

  /** The block's rows of the sweep: from the first on, 1 to 4. */
  private int first;

  private int rows;

  Block(Sweep sweep) {
    this.sweep = sweep;
  }

  /** Takes the sweep's rows from {@code first} on, up to four, but none from {@code end} on. */
  void choose(int first, int end) {
    this.first = first;
    rows = Math.min(ROWS, end - first);
  }

  /** Multiplies queries from now on, and adds to logits of 0. */
  void startDot(int tokens) {
    int length = sweep.queryStride;
    for (int row = 0; row < ROWS; row++) {
      int query = sweep.queryStart(first + Math.min(row, rows - 1));
      System.arraycopy(sweep.queries, query, factors, row * STRIDE, length);
      int logits = row < rows ? (first + row) * Sweep.STRIDE : Sweep.SPARE;
      outs[row] = logits;
      for (int token = 0; token < tokens; token += Lanes.COUNT) {
        FloatVector.zero(Lanes.FLOATS).intoArray(sweep.weights, logits + token);
      }
    }
    out = sweep.weights;
  }

  /** Adds to weighted sums from now on. */
  void startSum() {
    for (int row = 0; row < ROWS; row++) {
      outs[row] = row < rows ? sweep.sumStart(first + row) : 0;
    }
    out = sweep.sums;
  }

  /** Adds the products for a pair of vectors of lanes. */
  void add(int lane) {
    for (int row = 0; row < ROWS; row++) {
      int from = row * Lanes.PAIR;
      int to = outs[row] + lane;
      FloatVector.fromArray(Lanes.FLOATS, products, from)
          .add(FloatVector.fromArray(Lanes.FLOATS, out, to))
          .intoArray(out, to);
      FloatVector.fromArray(Lanes.FLOATS, products, from + Lanes.COUNT)
          .add(FloatVector.fromArray(Lanes.FLOATS, out, to + Lanes.COUNT))
          .intoArray(out, to + Lanes.COUNT);
    }
  }

  /** Adds the products for a pair of vectors of lanes, times the scales from {@code scale} on. */
  void addScaled(int lane, int scale) {
    FloatVector a = FloatVector.fromArray(Lanes.FLOATS, decoded, scale);
    FloatVector b = FloatVector.fromArray(Lanes.FLOATS, decoded, scale + Lanes.COUNT);
    for (int row = 0; row < ROWS; row++) {
      int from = row * Lanes.PAIR;
      int to = outs[row] + lane;
      FloatVector.fromArray(Lanes.FLOATS, products, from)
          .fma(a, FloatVector.fromArray(Lanes.FLOATS, out, to))
          .intoArray(out, to);
      FloatVector.fromArray(Lanes.FLOATS, products, from + Lanes.COUNT)
          .fma(b, FloatVector.fromArray(Lanes.FLOATS, out, to + Lanes.COUNT))
          .intoArray(out, to + Lanes.COUNT);
    }
  }

  /** Adds the products for a pair of vectors of lanes, and the rows' biases. */
  void addBiased(int lane) {
    for (int row = 0; row < ROWS; row++) {
      float bias = biases[row];
      int from = row * Lanes.PAIR;
      int to = outs[row] + lane;
      FloatVector.fromArray(Lanes.FLOATS, products, from)
          .add(bias)
          .add(FloatVector.fromArray(Lanes.FLOATS, out, to))
          .intoArray(out, to);
      FloatVector.fromArray(Lanes.FLOATS, products, from + Lanes.COUNT)
          .add(bias)
          .add(FloatVector.fromArray(Lanes.FLOATS, out, to + Lanes.COUNT))
          .intoArray(out, to + Lanes.COUNT);
    }
  }

  /**
   * Multiplies queries times the scales of a tile's channels from now on, with what the mins behind
   * them give as biases.
   *
   * @param zero what codes have to be added
   */
  void scaleQueries(int channels, float zero) {
    for (int row = 0; row < ROWS; row++) {
      FloatVector bias = FloatVector.zero(Lanes.FLOATS);
      for (int i = 0; i < channels; i += Lanes.COUNT) {
        FloatVector query = FloatVector.fromArray(Lanes.FLOATS, factors, row * STRIDE + i);
        FloatVector scale = FloatVector.fromArray(Lanes.FLOATS, decoded, i);
        FloatVector min = FloatVector.fromArray(Lanes.FLOATS, decoded, channels + i);
        bias = query.fma(scale.fma(FloatVector.broadcast(Lanes.FLOATS, zero), min), bias);
        query.mul(scale).intoArray(factors, row * STRIDE + i);
      }
      bias.intoArray(parts, 0);
      biases[row] = sumOfParts();
    }
  }

  /** Makes what mins give, times the weights, the rows' biases. */
  void biasWeights(int scales, int mins, int tokens, float zero) {
    float[] weights = sweep.weights;
    for (int row = 0; row < ROWS; row++) {
      int from = (first + Math.min(row, rows - 1)) * Sweep.STRIDE;
      FloatVector bias = FloatVector.zero(Lanes.FLOATS);
      for (int token = 0; token < tokens; token += Lanes.COUNT) {
        FloatVector scale = FloatVector.fromArray(Lanes.FLOATS, decoded, scales + token);
        FloatVector min = FloatVector.fromArray(Lanes.FLOATS, decoded, mins + token);
        bias =
            FloatVector.fromArray(Lanes.FLOATS, weights, from + token)
                .fma(scale.fma(FloatVector.broadcast(Lanes.FLOATS, zero), min), bias);
      }
      bias.intoArray(parts, 0);
      biases[row] = sumOfParts();
    }
  }

  /** The order is ours: that in which {@code reduceLanes} adds is free to change. */
  private float sumOfParts() {
    for (int half = Lanes.COUNT / 2; half > 0; half /= 2) {
      for (int lane = 0; lane < half; lane++) {
        parts[lane] += parts[lane + half];
      }
    }
    return parts[0];
  }

  /** Multiplies weights times {@code factor} from now on. */
  void useWeights(float factor, int tokens) {
    float[] weights = sweep.weights;
    for (int row = 0; row < ROWS; row++) {
      int from = (first + Math.min(row, rows - 1)) * Sweep.STRIDE;
      for (int token = 0; token < tokens; token += Lanes.COUNT) {
        FloatVector.fromArray(Lanes.FLOATS, weights, from + token)
            .mul(factor)
            .intoArray(factors, row * STRIDE + token);
      }
    }
    padWeights(tokens);
  }

  /** Multiplies weights times the scales from {@code scale} on from now on. */
  void useScaledWeights(int scale, int tokens) {
    float[] weights = sweep.weights;
    for (int row = 0; row < ROWS; row++) {
      int from = (first + Math.min(row, rows - 1)) * Sweep.STRIDE;
      for (int token = 0; token < tokens; token += Lanes.COUNT) {
        FloatVector.fromArray(Lanes.FLOATS, weights, from + token)
            .mul(FloatVector.fromArray(Lanes.FLOATS, decoded, scale + token))
            .intoArray(factors, row * STRIDE + token);
      }
    }
    padWeights(tokens);
  }

  /** Sets the factors of the tokens that there could be, up to a full int of codes, to zero. */
  private void padWeights(int tokens) {
    int vectors = Lanes.roundUp(tokens, Lanes.COUNT);
    int all = Lanes.roundUp(tokens, Sweep.ELEMENTS);
    if (vectors < all) {
      for (int row = 0; row < ROWS; row++) {
        Arrays.fill(factors, row * STRIDE + vectors, row * STRIDE + all, 0);
      }
    }
  }

  /** Decodes the {@code count} f16 scales of a tile. */
  void loadScales(MemorySegment slab, long from, int count) {
    if (decoded.length < count + Lanes.PAIR) {
      decoded = new float[count + Lanes.PAIR];
    }
    int full = count & -Lanes.COUNT;
    for (int i = 0; i < full; i += Lanes.COUNT) {
      ShortVector.fromMemorySegment(Lanes.SHORTS, slab, from + 2L * i, ByteOrder.nativeOrder())
          .convertShape(VectorOperators.S2I, Lanes.INTS, 0)
          .reinterpretAsInts()
          .lanewise(VectorOperators.LSHL, Lanes.HALF_SHIFT)
          .lanewise(VectorOperators.AND, Lanes.HALF_BITS)
          .reinterpretAsFloats()
          .mul(Lanes.HALF_SCALE)
          .intoArray(decoded, i);
    }
    // A whole vector could reach out of the page here.
    for (int i = full; i < count; i++) {
      decoded[i] = Float.float16ToFloat(slab.get(JAVA_SHORT_UNALIGNED, from + 2L * i));
    }
  }
}
