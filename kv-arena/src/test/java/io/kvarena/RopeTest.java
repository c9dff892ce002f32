package io.kvarena;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.kvarena.Rope.Pairing;
import java.util.List;
import org.junit.jupiter.api.Test;

class RopeTest {

  private static final List<RopeScaling> SCALINGS =
      List.of(
          RopeScaling.NONE,
          new RopeScaling.Linear(4),
          new RopeScaling.Llama3(8, 1, 4, 8192),
          new RopeScaling.Yarn(4, 4096, 32, 1, 1.1),
          new RopeScaling.Divisors(new float[] {1, 1, 1, 2, 2, 4, 4, 8}));

  @Test
  void frequency_withoutScaling_isTheGeometricSeries() {
    Rope rope = Rope.of(Pairing.HALF, 8, 10_000);
    assertEquals(1, rope.frequency(0));
    assertEquals(0.1, rope.frequency(1), 1e-15);
    assertEquals(0.01, rope.frequency(2), 1e-15);
    assertEquals(0.001, rope.frequency(3), 1e-15);
  }

  /** Turning by a and then by b is turning by a + b, whatever the scaling: shifts rest on it. */
  @Test
  void turn_ofEveryScaling_addsUp() {
    for (RopeScaling scaling : SCALINGS) {
      Rope rope = new Rope(Pairing.INTERLEAVED, 16, 10_000, scaling);
      float[][] c = new float[3][8];
      float[][] s = new float[3][8];
      rope.turn(1000, c[0], s[0]);
      rope.turn(-377, c[1], s[1]);
      rope.turn(623, c[2], s[2]);
      for (int pair = 0; pair < 8; pair++) {
        assertEquals(c[2][pair], c[0][pair] * c[1][pair] - s[0][pair] * s[1][pair], 1e-6);
        assertEquals(s[2][pair], s[0][pair] * c[1][pair] + c[0][pair] * s[1][pair], 1e-6);
      }
    }
  }

  @Test
  void frequency_ofScalings_liesBetweenInterpolatedAndPlain() {
    Rope plain = Rope.of(Pairing.HALF, 16, 10_000);
    for (RopeScaling scaling : SCALINGS) {
      Rope rope = new Rope(Pairing.HALF, 16, 10_000, scaling);
      for (int pair = 0; pair < 8; pair++) {
        double ratio = plain.frequency(pair) / rope.frequency(pair);
        assertEquals(Math.clamp(ratio, 1, 8), ratio, 1e-9, scaling + " pair " + pair);
      }
    }
  }

  @Test
  void rope_withOddDims_isRefused() {
    IllegalArgumentException refused =
        assertThrows(IllegalArgumentException.class, () -> Rope.of(Pairing.HALF, 7, 10_000));
    assertEquals(
        "rotary dims must be even, and 0 exactly where there is no pairing: dims=7, pairing=HALF;"
            + " use Rope.NONE for a layer without RoPE",
        refused.getMessage());
  }
}
