package io.kvarena.attention.vector;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

/** Exponentials against double precision. */
class ExponentialsTest {

  private static final int COUNT = 1 << 16;

  @Test
  void exp_overItsRange_isRightToThreeTenMillionths() {
    float[] x = new float[COUNT];
    for (int i = 0; i < COUNT; i++) {
      x[i] = -110f * i / (COUNT - 1);
    }
    float[] y = x.clone();
    Exponentials.exp(y, 0, COUNT, 0);
    for (int i = 0; i < COUNT; i++) {
      double exact = Math.exp(x[i]);
      double tolerance = 3e-7 * exact + 0.5 * Float.MIN_VALUE;
      assertEquals(exact, y[i], tolerance, "x=" + x[i]);
    }
  }

  @Test
  void exp_ofTheLargest_isOneAndFarBelowIsZero() {
    float[] x = new float[Lanes.COUNT];
    x[0] = 7.25f;
    x[1] = -1e30f;
    Exponentials.exp(x, 0, 2, 7.25f);
    assertEquals(1, x[0]);
    assertEquals(0, x[1]);
  }

  @Test
  void cap_overItsRange_isRightRelativeToTheLogit() {
    float cap = 30;
    float scale = 0.125f;
    float[] x = new float[COUNT];
    for (int i = 0; i < COUNT; i++) {
      // From a hundredth of a millionth of the cap to a hundred times it, of either sign.
      x[i] = (float) Math.pow(10, -6 + 10.0 * i / COUNT) * ((i & 1) == 0 ? 1 : -1);
    }
    float[] y = x.clone();
    Exponentials.cap(y, 0, COUNT, scale, cap);
    for (int i = 0; i < COUNT; i++) {
      double exact = cap * Math.tanh(scale * (double) x[i] / cap);
      assertEquals(exact, y[i], 7e-7 * Math.abs(exact), "x=" + x[i]);
    }
  }
}
