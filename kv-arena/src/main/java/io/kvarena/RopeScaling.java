package io.kvarena;

import java.util.Arrays;

/** How a model stretches its rotary frequencies to contexts longer than it was trained on. */
public sealed interface RopeScaling {

  /** Frequencies as they are. */
  record None() implements RopeScaling {}

  /**
   * Position interpolation: every frequency divided by {@code factor}. Source: arXiv 2306.15595.
   */
  record Linear(double factor) implements RopeScaling {}

  /**
   * Llama 3.1: low frequencies divided by {@code factor}, high ones kept, a linear blend between.
   */
  record Llama3(
      double factor, double lowFrequencyFactor, double highFrequencyFactor, int originalContext)
      implements RopeScaling {}

  /**
   * YaRN: interpolation by wavelength with a ramp between {@code betaFast} and {@code betaSlow}
   * rotations; {@code magnitude} multiplies the rotated vectors and is the engine's to apply, since
   * a change of position does not alter it. Source: arXiv 2309.00071.
   */
  record Yarn(
      double factor, int originalContext, double betaFast, double betaSlow, double magnitude)
      implements RopeScaling {}

  /** A divisor for each pair's frequency, [dims / 2], as some model files carry. */
  record Divisors(float[] perPair) implements RopeScaling {
    public Divisors {
      perPair = perPair.clone();
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof Divisors that && Arrays.equals(perPair, that.perPair);
    }

    @Override
    public int hashCode() {
      return Arrays.hashCode(perPair);
    }

    @Override
    public String toString() {
      return "Divisors[perPair=" + Arrays.toString(perPair) + "]";
    }
  }

  /** Frequencies as they are. */
  RopeScaling NONE = new None();
}
