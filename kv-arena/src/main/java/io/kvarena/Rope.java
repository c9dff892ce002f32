package io.kvarena;

import io.kvarena.RopeScaling.Divisors;
import io.kvarena.RopeScaling.Linear;
import io.kvarena.RopeScaling.Llama3;
import io.kvarena.RopeScaling.None;
import io.kvarena.RopeScaling.Yarn;
import java.util.Objects;

/**
 * A layer's rotary position embedding: which channels turn together, how many, and how fast.
 *
 * <p>Keys reach the store after RoPE. The store needs this record to shift positions: attending to
 * a key stored at position s as if it stood at s + delta is attending with the query turned by
 * −delta, because rotations about one axis add up.
 *
 * <p>Source: Su et al., RoFormer, arXiv 2104.09864.
 *
 * @param pairing which channels form a pair
 * @param dims rotated channels, even; the channels after them do not turn
 * @param theta base of the geometric series of frequencies
 * @param scaling change of the frequencies for long contexts
 */
public record Rope(Pairing pairing, int dims, double theta, RopeScaling scaling) {

  /** Which two channels turn together. */
  public enum Pairing {
    /** No rotation: positions do not enter the keys. */
    NONE,
    /** Channels 2i and 2i + 1. */
    INTERLEAVED,
    /** Channels i and i + dims / 2. */
    HALF
  }

  /** A layer without rotary positions. */
  public static final Rope NONE = new Rope(Pairing.NONE, 0, 1, RopeScaling.NONE);

  public Rope {
    Objects.requireNonNull(pairing);
    Objects.requireNonNull(scaling);
    if (dims < 0 || dims % 2 != 0 || (dims == 0) != (pairing == Pairing.NONE)) {
      throw new IllegalArgumentException(
          "rotary dims must be even, and 0 exactly where there is no pairing: dims="
              + dims
              + ", pairing="
              + pairing
              + "; use Rope.NONE for a layer without RoPE");
    }
    if (!(theta > 0)) {
      throw new IllegalArgumentException(
          "theta must be positive: theta=" + theta + "; 10000 is the usual value");
    }
    if (scaling instanceof Divisors divisors && divisors.perPair().length != dims / 2) {
      throw new IllegalArgumentException(
          "one divisor per pair is needed: divisors="
              + divisors.perPair().length
              + ", pairs="
              + dims / 2
              + "; give dims / 2 numbers");
    }
  }

  /** Unscaled rotary embedding. */
  public static Rope of(Pairing pairing, int dims, double theta) {
    return new Rope(pairing, dims, theta, RopeScaling.NONE);
  }

  /** Radians by which {@code pair} turns from one position to the next. */
  public double frequency(int pair) {
    double plain = Math.pow(theta, -2.0 * pair / dims);
    return switch (scaling) {
      case None none -> plain;
      case Linear linear -> plain / linear.factor();
      case Divisors divisors -> plain / divisors.perPair()[pair];
      case Llama3 llama -> llama3(plain, llama);
      case Yarn yarn -> yarn(plain, pair, yarn);
    };
  }

  private static double llama3(double plain, Llama3 s) {
    double rotations = s.originalContext() * plain / (2 * Math.PI);
    if (rotations < s.lowFrequencyFactor()) {
      return plain / s.factor();
    }
    if (rotations > s.highFrequencyFactor()) {
      return plain;
    }
    double blend =
        (rotations - s.lowFrequencyFactor()) / (s.highFrequencyFactor() - s.lowFrequencyFactor());
    return (1 - blend) * plain / s.factor() + blend * plain;
  }

  private double yarn(double plain, int pair, Yarn s) {
    double low = Math.floor(pairWithRotations(s.betaFast(), s.originalContext()));
    double high = Math.ceil(pairWithRotations(s.betaSlow(), s.originalContext()));
    double from = Math.max(0, low);
    double to = Math.min(dims - 1, high);
    double ramp = Math.clamp((pair - from) / Math.max(0.001, to - from), 0, 1);
    return ramp * plain / s.factor() + (1 - ramp) * plain;
  }

  /** The (fractional) pair that turns {@code rotations} times over {@code context} positions. */
  private double pairWithRotations(double rotations, int context) {
    return dims * Math.log(context / (rotations * 2 * Math.PI)) / (2 * Math.log(theta));
  }

  /** Fills [dims / 2] cosines and sines of the turn by {@code positions}, which may be negative. */
  public void turn(int positions, float[] cosines, float[] sines) {
    for (int pair = 0; pair < dims / 2; pair++) {
      double angle = positions * frequency(pair);
      cosines[pair] = (float) Math.cos(angle);
      sines[pair] = (float) Math.sin(angle);
    }
  }

  /** Index of the first channel of {@code pair}. */
  public int first(int pair) {
    return pairing == Pairing.INTERLEAVED ? 2 * pair : pair;
  }

  /** Index of the second channel of {@code pair}. */
  public int second(int pair) {
    return pairing == Pairing.INTERLEAVED ? 2 * pair + 1 : pair + dims / 2;
  }
}
