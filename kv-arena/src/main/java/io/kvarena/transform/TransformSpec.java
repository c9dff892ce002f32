package io.kvarena.transform;

import java.util.Optional;

/**
 * Which map is applied to vectors before a format encodes them: y = H S (w ⊙ (x − µ)), where µ
 * centres the channels, w balances them, S flips signs and H is the Hadamard matrix. Rotation
 * spreads an outlier channel over all; it needs centring where such channels have a mean.
 *
 * <p>µ and w come from a {@link Calibration} of the model, or from the first page that a sequence
 * encodes: µ is the mean of its live tokens, w = (mean deviation / deviation)^(1/2) of a channel,
 * the sequence's first 4 tokens left out as sinks. Query statistics are not used there, so that an
 * instance follows from the cached tokens alone, however they came in. Whoever has them puts
 * weights into a calibration.
 *
 * <p>Sources: Ashkboos et al., QuaRot, arXiv 2404.00456; Zandieh et al., TurboQuant, arXiv
 * 2504.19874. QuaRot rotates without signs.
 *
 * @param centred whether µ is subtracted
 * @param balanced whether channels are weighted
 * @param rotated whether signs are flipped and the row rotated
 * @param seed from which the signs follow
 * @param calibration µ and w of the model, if they are not to come from the first page
 */
public record TransformSpec(
    boolean centred,
    boolean balanced,
    boolean rotated,
    long seed,
    Optional<Calibration> calibration) {

  /** Tokens at the start of a sequence that do not count for µ and w. */
  public static final int SINKS = 4;

  /** Signs of {@link #HADAMARD}. */
  static final long DEFAULT_SEED = 1;

  /** A channel's deviation counts as at least this part of the mean deviation. */
  private static final double DEVIATION_MIN = 0x1p-10;

  /** Vectors are encoded as they are. */
  public static final TransformSpec IDENTITY =
      new TransformSpec(false, false, false, DEFAULT_SEED, Optional.empty());

  /** Random signs and the Hadamard rotation. */
  public static final TransformSpec HADAMARD = IDENTITY.withRotation(DEFAULT_SEED);

  /** This and centring. */
  public TransformSpec withCentring() {
    return new TransformSpec(true, balanced, rotated, seed, calibration);
  }

  /** This and balancing. */
  public TransformSpec withBalancing() {
    return new TransformSpec(centred, true, rotated, seed, calibration);
  }

  /** This and rotation with the signs of {@code signs}. */
  public TransformSpec withRotation(long signs) {
    return new TransformSpec(centred, balanced, true, signs, calibration);
  }

  /** This with µ and w of the model. */
  public TransformSpec calibrated(Calibration of) {
    return new TransformSpec(centred, balanced, rotated, seed, Optional.of(of));
  }

  /** Whether vectors are encoded as they are. */
  public boolean isIdentity() {
    return !centred && !balanced && !rotated;
  }

  /** Whether an instance belongs to one KV head, by what it knows of its keys. */
  public boolean isPerHead() {
    return centred || balanced;
  }

  /** Whether an instance follows from the first page that a sequence encodes. */
  public boolean isByContent() {
    return isPerHead() && calibration.isEmpty();
  }

  /** Bytes of an instance for rows of {@code channels}, on the heap and in native memory. */
  public long instanceBytes(int channels) {
    int onHeap = (centred ? 1 : 0) + (balanced ? 2 : 0) + (rotated ? 1 : 0);
    int inNativeMemory = (centred ? 1 : 0) + (balanced ? 2 : rotated ? 1 : 0);
    return 4L * channels * (onHeap + inNativeMemory);
  }

  /**
   * The instance of a KV head; throws if it follows from content or the calibration does not fit.
   */
  public TransformInstance instance(int layer, int head, int channels) {
    float[] mean = {};
    float[] weight = {};
    if (isPerHead()) {
      Calibration of =
          calibration.orElseThrow(
              () ->
                  new IllegalStateException(
                      "the transform follows from content: transform="
                          + this
                          + "; calibrate it or give it a page"));
      if (centred) {
        mean = of.mean(layer, head, channels).orElseThrow(() -> lacks("means"));
      }
      if (balanced) {
        weight = of.weight(layer, head, channels).orElseThrow(() -> lacks("weights"));
      }
    }
    return new TransformInstance(mean, weight, signs(channels), channels);
  }

  private IllegalArgumentException lacks(String what) {
    return new IllegalArgumentException(
        "the calibration lacks what the transform needs: transform="
            + this
            + ", missing="
            + what
            + "; calibrate them too or leave the transform without");
  }

  /**
   * The instance that follows from a page.
   *
   * @param rows f32 [tokens][channels]
   * @param counted bit t set: token t counts; if none does, nothing is centred or balanced
   */
  public TransformInstance instance(float[] rows, long counted, int channels) {
    double[] mean = new double[channels];
    double[] deviation = new double[channels];
    int count = Long.bitCount(counted);
    if (count > 0) {
      sum(rows, counted, channels, mean, deviation, count);
    }
    float[] weight = {};
    if (balanced) {
      weight = weights(deviation);
    }
    float[] centre = {};
    if (centred) {
      centre = new float[channels];
      for (int i = 0; i < channels; i++) {
        centre[i] = (float) mean[i];
      }
    }
    return new TransformInstance(centre, weight, signs(channels), channels);
  }

  /**
   * An instance that followed from content before.
   *
   * @param mean its {@link TransformInstance#means}
   * @param weight its {@link TransformInstance#weights}
   */
  public TransformInstance instance(float[] mean, float[] weight, int channels) {
    if (mean.length != (centred && mean.length > 0 ? channels : 0)
        || weight.length != (balanced ? channels : 0)) {
      throw new IllegalArgumentException(
          "numbers of another transform: transform="
              + this
              + ", channels="
              + channels
              + ", means="
              + mean.length
              + ", weights="
              + weight.length
              + "; give those of an instance of this transform");
    }
    return new TransformInstance(mean, weight, signs(channels), channels);
  }

  /** Fills in means and deviations from them, or from 0 where nothing is centred. */
  private void sum(
      float[] rows, long counted, int channels, double[] mean, double[] deviation, int count) {
    for (long left = counted; centred && left != 0; left &= left - 1) {
      int row = Long.numberOfTrailingZeros(left) * channels;
      for (int i = 0; i < channels; i++) {
        mean[i] += rows[row + i] / (double) count;
      }
    }
    for (long left = counted; left != 0; left &= left - 1) {
      int row = Long.numberOfTrailingZeros(left) * channels;
      for (int i = 0; i < channels; i++) {
        double off = rows[row + i] - mean[i];
        deviation[i] += off * off / count;
      }
    }
    for (int i = 0; i < channels; i++) {
      deviation[i] = Math.sqrt(deviation[i]);
    }
  }

  private static float[] weights(double[] deviation) {
    double all = 0;
    for (double of : deviation) {
      all += of / deviation.length;
    }
    float[] weight = new float[deviation.length];
    for (int i = 0; i < weight.length; i++) {
      double of = Math.max(deviation[i], all * DEVIATION_MIN);
      weight[i] = all > 0x1p-60 ? (float) Math.sqrt(all / of) : 1;
    }
    return weight;
  }

  /** +1 or −1 for each channel; empty without rotation. */
  private float[] signs(int channels) {
    float[] signs = new float[rotated ? channels : 0];
    for (int i = 0; i < signs.length; i++) {
      // SplitMix64: the sign of its (i + 1)-th number.
      long z = seed + (i + 1) * 0x9e3779b97f4a7c15L;
      z = (z ^ z >>> 30) * 0xbf58476d1ce4e5b9L;
      z = (z ^ z >>> 27) * 0x94d049bb133111ebL;
      signs[i] = (z ^ z >>> 31) < 0 ? -1 : 1;
    }
    return signs;
  }

  /** Its parts, such as {@code centred+balanced+hadamard}; {@code identity} if it has none. */
  @Override
  public String toString() {
    StringBuilder parts = new StringBuilder();
    if (centred) {
      parts.append("+centred");
    }
    if (balanced) {
      parts.append("+balanced");
    }
    if (rotated) {
      parts.append("+hadamard");
      if (seed != DEFAULT_SEED) {
        parts.append(':').append(seed);
      }
    }
    return parts.isEmpty() ? "identity" : parts.substring(1);
  }
}
