package io.kvarena.attention.vector;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import io.kvarena.attention.AttentionState;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * Makes weights of logits and keeps the largest logits and the denominators of all rows of a fold,
 * a denominator in as many parts as there are lanes. They are added up at the end, in an order of
 * their own: that in which {@code reduceLanes} adds is free to change.
 */
final class Softmax {

  /** Denominators in parts, [row of the state][lane]. */
  private float[] parts = {};

  /** Takes over the denominators of {@code state}. */
  void start(AttentionState state) {
    int length = state.rows() * Lanes.COUNT;
    if (parts.length < length) {
      parts = new float[length];
    }
    Arrays.fill(parts, 0, length, 0);
    for (int row = 0; row < state.rows(); row++) {
      parts[row * Lanes.COUNT] = state.sum(row);
    }
  }

  /** Gives the denominators back. */
  void finish(AttentionState state) {
    for (int row = 0; row < state.rows(); row++) {
      int at = row * Lanes.COUNT;
      for (int half = Lanes.COUNT / 2; half > 0; half /= 2) {
        for (int lane = at; lane < at + half; lane++) {
          parts[lane] += parts[lane + half];
        }
      }
      state.segment().setAtIndex(JAVA_FLOAT, state.sumIndex(row), parts[at]);
    }
  }

  /**
   * Replaces the dot products of a row of the sweep by weights, 0 for the slots that it does not
   * see, and continues its largest logit and its denominator.
   *
   * @param scale multiplies a dot product
   * @param softCap 0, or the soft cap of the logits
   */
  void weigh(Sweep sweep, int row, int tokens, float scale, float softCap, AttentionState state) {
    float[] weights = sweep.weights;
    int from = row * Sweep.STRIDE;
    int stateRow = sweep.stateRows[row];
    long visible = sweep.visible[row];
    float factor = scale;
    if (softCap > 0) {
      Exponentials.cap(weights, from, tokens, scale, softCap);
      factor = 1;
    }
    float before = state.max(stateRow);
    float max = max(weights, from, tokens, visible, factor, before);
    float rescale = 1;
    if (max > before) {
      rescale = (float) Math.exp(before - max);
      state.segment().setAtIndex(JAVA_FLOAT, state.maxIndex(stateRow), max);
    }
    if (rescale != 1) {
      sweep.rescale(row, rescale);
    }
    Exponentials.exp(weights, from, tokens, max);
    add(weights, from, tokens, visible, rescale, stateRow * Lanes.COUNT);
  }

  /** Multiplies dot products by {@code factor}; returns the largest of the seen and before. */
  private static float max(
      float[] logits, int from, int tokens, long visible, float factor, float before) {
    FloatVector least = FloatVector.broadcast(Lanes.FLOATS, before);
    FloatVector most = least;
    for (int token = 0; token < tokens; token += Lanes.COUNT) {
      FloatVector scaled = FloatVector.fromArray(Lanes.FLOATS, logits, from + token).mul(factor);
      scaled.intoArray(logits, from + token);
      VectorMask<Float> seen = VectorMask.fromLong(Lanes.FLOATS, visible >>> token);
      most = most.blend(scaled, scaled.compare(VectorOperators.GT, most, seen));
    }
    // Most pages hold no new maximum.
    return most.compare(VectorOperators.GT, least).anyTrue()
        ? most.reduceLanes(VectorOperators.MAX)
        : before;
  }

  /** Sets hidden slots' weights to zero and adds the others to the denominator at {@code part}. */
  private void add(float[] weights, int from, int tokens, long visible, float rescale, int part) {
    FloatVector sum = FloatVector.fromArray(Lanes.FLOATS, parts, part).mul(rescale);
    for (int token = 0; token < tokens; token += Lanes.COUNT) {
      VectorMask<Float> seen = VectorMask.fromLong(Lanes.FLOATS, visible >>> token);
      FloatVector weight = FloatVector.fromArray(Lanes.FLOATS, weights, from + token);
      weight = FloatVector.zero(Lanes.FLOATS).blend(weight, seen);
      weight.intoArray(weights, from + token);
      sum = sum.add(weight);
    }
    sum.intoArray(parts, part);
  }
}
