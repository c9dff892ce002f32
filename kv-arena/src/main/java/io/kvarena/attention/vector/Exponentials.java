package io.kvarena.attention.vector;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Exponentials of arrays, the same to the bit whether compiled or interpreted: every step is an
 * exactly rounded one, and no order is left to the compiler.
 *
 * <p>e^x = 2^n · e^r with n = round(x / ln 2) and |r| ≤ ln 2 / 2, and e^r − 1 = r + r² · Q(r) with
 * Q of degree 4, fitted to the least largest relative error of e^r − 1, which is 1.8e-8.
 */
final class Exponentials {

  /** Far below the last x whose e^x is not 0 in f32. */
  private static final float EXP_LOWEST = -130;

  /** Keeps the bits of e^x in the normal floats for every x down to the lowest. */
  private static final int LIFT = 64;

  private static final float UNLIFT = 0x1p-64f;

  /** From here on tanh is 1 in f32. */
  private static final float TANH_ONE = 10;

  private static final float LOG2_E = 0x1.715476p0f;
  private static final float LN_2_UPPER = 0x1.62e43p-1f;
  private static final float LN_2_LOWER = -0x1.05c61p-29f;

  /** Added, it rounds to an integer, which then is the lowest bits. */
  private static final float ROUNDER = 0x1.8p23f;

  /** The same and the lift. */
  private static final float LIFTING_ROUNDER = ROUNDER + LIFT;

  /** Where the exponent of an f32 starts. */
  private static final int EXPONENT = 23;

  private static final int ONE = 0x3f800000;

  private static final float Q0 = 0x1.fffffep-2f;
  private static final float Q1 = 0x1.5554aep-3f;
  private static final float Q2 = 0x1.555676p-5f;
  private static final float Q3 = 0x1.122886p-7f;
  private static final float Q4 = 0x1.6bebdcp-10f;

  private Exponentials() {}

  /**
   * Replaces each of {@code count} values x by e^(x − largest), where no x that matters is above
   * largest; relative error below 3e-7 down to the smallest normal float, then half a unit of the
   * subnormals. Goes on to the end of the last vector.
   */
  static void exp(float[] values, int from, int count, float largest) {
    for (int at = from; at < from + count; at += Lanes.COUNT) {
      FloatVector x = FloatVector.fromArray(Lanes.FLOATS, values, at).sub(largest).max(EXP_LOWEST);
      FloatVector rounded = x.fma(LOG2_E, LIFTING_ROUNDER);
      FloatVector n = rounded.sub(LIFTING_ROUNDER);
      FloatVector r = n.fma(FloatVector.broadcast(Lanes.FLOATS, -LN_2_UPPER), x);
      r = n.fma(FloatVector.broadcast(Lanes.FLOATS, -LN_2_LOWER), r);
      FloatVector q = r.fma(Q4, Q3);
      q = q.fma(r, FloatVector.broadcast(Lanes.FLOATS, Q2));
      q = q.fma(r, FloatVector.broadcast(Lanes.FLOATS, Q1));
      q = q.fma(r, FloatVector.broadcast(Lanes.FLOATS, Q0));
      FloatVector power = q.fma(r.mul(r), r).add(1);
      power
          .reinterpretAsInts()
          .add(rounded.reinterpretAsInts().lanewise(VectorOperators.LSHL, EXPONENT))
          .reinterpretAsFloats()
          .mul(UNLIFT)
          .intoArray(values, at);
    }
  }

  /**
   * Replaces each of {@code count} values x by cap · tanh(scale · x / cap), relative error below
   * 7e-7. Goes on to the end of the last vector.
   */
  static void cap(float[] values, int from, int count, float scale, float cap) {
    for (int at = from; at < from + count; at += Lanes.COUNT) {
      FloatVector x = FloatVector.fromArray(Lanes.FLOATS, values, at).mul(scale).div(cap);
      // tanh |x| = (e^2|x| − 1) / (e^2|x| + 1), where e^2|x| − 1 = 2^n · (e^r − 1) + (2^n − 1).
      FloatVector twice = x.abs().min(TANH_ONE).mul(2);
      FloatVector rounded = twice.fma(LOG2_E, ROUNDER);
      FloatVector n = rounded.sub(ROUNDER);
      FloatVector r = n.fma(FloatVector.broadcast(Lanes.FLOATS, -LN_2_UPPER), twice);
      r = n.fma(FloatVector.broadcast(Lanes.FLOATS, -LN_2_LOWER), r);
      FloatVector q = r.fma(Q4, Q3);
      q = q.fma(r, FloatVector.broadcast(Lanes.FLOATS, Q2));
      q = q.fma(r, FloatVector.broadcast(Lanes.FLOATS, Q1));
      q = q.fma(r, FloatVector.broadcast(Lanes.FLOATS, Q0));
      q = q.fma(r.mul(r), r);
      FloatVector power =
          rounded
              .reinterpretAsInts()
              .lanewise(VectorOperators.LSHL, EXPONENT)
              .add(ONE)
              .reinterpretAsFloats();
      FloatVector lessOne = q.fma(power, power.sub(1));
      FloatVector magnitude = lessOne.div(lessOne.add(2)).mul(cap);
      magnitude
          .reinterpretAsInts()
          .or(x.reinterpretAsInts().and(Integer.MIN_VALUE))
          .reinterpretAsFloats()
          .intoArray(values, at);
    }
  }
}
