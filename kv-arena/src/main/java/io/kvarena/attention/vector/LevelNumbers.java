package io.kvarena.attention.vector;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * The scales of formats that number levels, one for each token, and the codes that go with them.
 */
final class LevelNumbers {

  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Partial sums of a sum: see {@code Sums}. */
  private static final int TERMS = 16;

  /** Partial sums, of keys [term][width] and of values [token][term]. */
  private float[] terms = {};

  private float[] levelTerms = {};

  /** Sums of squares. */
  private float[] squares = {};

  private float[] steps = {};
  private float[] inverse = {};
  private short[] scales = {};

  /** 1 for each channel, 0 behind the last. */
  private float[] counted = {};

  private int tokens;
  private int width;

  private void start(int tokens, int channels) {
    this.tokens = tokens;
    width = Lanes.roundUp(tokens, Lanes.COUNT);
    if (squares.length < width) {
      squares = new float[width];
      steps = new float[width];
      inverse = new float[width];
      scales = new short[width];
      terms = new float[TERMS * width];
      levelTerms = new float[TERMS * width];
    }
    int padded = Lanes.roundUp(channels, Lanes.COUNT);
    if (counted.length < padded) {
      counted = new float[padded];
    }
    Arrays.fill(terms, 0, TERMS * width, 0);
    Arrays.fill(levelTerms, 0, TERMS * width, 0);
    Arrays.fill(counted, 0, channels, 1);
    Arrays.fill(counted, channels, padded, 0);
  }

  /** Makes codes of keys. */
  void keys(TileNumbers keys, LevelTable table) {
    start(keys.lanes, keys.elements);
    for (int lane = 0; lane < width; lane += Lanes.COUNT) {
      addSquaresDown(keys.of, lane, keys.elements, width, terms);
    }
    sumDown(terms, squares, width);
    step(keys.elements, table.unit);
    for (int lane = 0; lane < width; lane += Lanes.COUNT) {
      codesDown(keys, lane, table);
    }
    sumDown(levelTerms, levelTerms, width);
    for (int i = 0; i < width; i += Lanes.COUNT) {
      FloatVector.fromArray(Lanes.FLOATS, squares, i)
          .sqrt()
          .div(FloatVector.fromArray(Lanes.FLOATS, levelTerms, i).sqrt())
          .intoArray(terms, i);
    }
    finish();
  }

  /** Makes codes of values. */
  void values(TileNumbers values, LevelTable table) {
    start(values.elements, values.lanes);
    int stride = values.stride;
    for (int lane = 0; lane < stride; lane += Lanes.COUNT) {
      addSquaresAlong(values.of, lane, tokens, stride, terms);
    }
    sumAlong(terms, squares, tokens);
    step(values.lanes, table.unit);
    Arrays.fill(terms, 0, TERMS * tokens, 0);
    for (int lane = 0; lane < stride; lane += Lanes.COUNT) {
      codesAlong(values, lane, table);
    }
    sumAlong(terms, terms, tokens);
    sumAlong(levelTerms, levelTerms, tokens);
    for (int i = 0; i < width; i += Lanes.COUNT) {
      FloatVector.fromArray(Lanes.FLOATS, terms, i)
          .div(FloatVector.fromArray(Lanes.FLOATS, levelTerms, i))
          .intoArray(terms, i);
    }
    finish();
  }

  private static void addSquaresDown(float[] x, int lane, int channels, int width, float[] terms) {
    for (int channel = 0; channel < channels; channel++) {
      int term = channel % TERMS * width + lane;
      FloatVector v = FloatVector.fromArray(Lanes.FLOATS, x, channel * width + lane);
      FloatVector.fromArray(Lanes.FLOATS, terms, term).add(v.mul(v)).intoArray(terms, term);
    }
  }

  private static void addSquaresAlong(float[] x, int lane, int tokens, int stride, float[] terms) {
    for (int token = 0; token < tokens; token++) {
      int term = token * TERMS + lane % TERMS;
      FloatVector v = FloatVector.fromArray(Lanes.FLOATS, x, token * stride + lane);
      FloatVector.fromArray(Lanes.FLOATS, terms, term).add(v.mul(v)).intoArray(terms, term);
    }
  }

  /** Makes codes of a vector of lanes of keys, and the terms of the levels' squares. */
  private void codesDown(TileNumbers keys, int lane, LevelTable table) {
    float[] levelTerms = this.levelTerms;
    FloatVector factor = FloatVector.fromArray(Lanes.FLOATS, inverse, lane);
    for (int channel = 0; channel < keys.elements; channel++) {
      int at = channel * width + lane;
      int term = channel % TERMS * width + lane;
      IntVector codes = table.nearest(FloatVector.fromArray(Lanes.FLOATS, keys.of, at).mul(factor));
      codes.intoArray(keys.codes, at);
      FloatVector level = table.levels(codes);
      FloatVector.fromArray(Lanes.FLOATS, levelTerms, term)
          .add(level.mul(level))
          .intoArray(levelTerms, term);
    }
  }

  /** Makes codes of a vector of lanes of values, and the terms of products and levels' squares. */
  private void codesAlong(TileNumbers values, int lane, LevelTable table) {
    float[] terms = this.terms;
    float[] levelTerms = this.levelTerms;
    FloatVector count = FloatVector.fromArray(Lanes.FLOATS, counted, lane);
    for (int token = 0; token < tokens; token++) {
      int at = token * values.stride + lane;
      int term = token * TERMS + lane % TERMS;
      FloatVector x = FloatVector.fromArray(Lanes.FLOATS, values.of, at);
      IntVector codes = table.nearest(x.mul(inverse[token]));
      codes.intoArray(values.codes, at);
      FloatVector level = table.levels(codes).mul(count);
      FloatVector.fromArray(Lanes.FLOATS, terms, term).add(x.mul(level)).intoArray(terms, term);
      FloatVector.fromArray(Lanes.FLOATS, levelTerms, term)
          .add(level.mul(level))
          .intoArray(levelTerms, term);
    }
  }

  /** Sums of terms [term][width], which are used up. */
  private static void sumDown(float[] terms, float[] to, int width) {
    for (int half = TERMS / 2; half > 0; half /= 2) {
      for (int i = 0; i < half * width; i += Lanes.COUNT) {
        FloatVector.fromArray(Lanes.FLOATS, terms, i)
            .add(FloatVector.fromArray(Lanes.FLOATS, terms, i + half * width))
            .intoArray(terms, i);
      }
    }
    System.arraycopy(terms, 0, to, 0, width);
  }

  /** Sums of terms [token][term]. */
  private static void sumAlong(float[] terms, float[] to, int tokens) {
    for (int token = 0; token < tokens; token++) {
      int at = token * TERMS;
      to[token] =
          fourth(terms, at)
              + fourth(terms, at + 2)
              + (fourth(terms, at + 1) + fourth(terms, at + 3));
    }
  }

  private static float fourth(float[] terms, int at) {
    return terms[at] + terms[at + 8] + (terms[at + 4] + terms[at + 12]);
  }

  /** Steps from sums of squares. */
  private void step(int channels, float unit) {
    for (int i = 0; i < width; i += Lanes.COUNT) {
      FloatVector step =
          FloatVector.fromArray(Lanes.FLOATS, squares, i).div(channels).sqrt().mul(unit);
      step.intoArray(steps, i);
      // Nothing is at least a NaN: where there is no step, codes are 0.
      FloatVector.broadcast(Lanes.FLOATS, 1)
          .div(step)
          .blend(Float.NaN, step.compare(VectorOperators.EQ, 0))
          .intoArray(inverse, i);
    }
  }

  /** Rounds the scales, which are in the terms' place. */
  private void finish() {
    for (int i = 0; i < tokens; i++) {
      if (steps[i] == 0) {
        terms[i] = 0;
      }
    }
    Halves.store(terms, scales, tokens);
  }

  /** Writes the scales, f16 [token]. */
  void write(MemorySegment page, long at) {
    MemorySegment.copy(scales, 0, page, SHORT, at, tokens);
  }
}
