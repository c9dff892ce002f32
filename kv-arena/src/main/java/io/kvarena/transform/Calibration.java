package io.kvarena.transform;

import java.util.Arrays;
import java.util.Optional;

/**
 * What is known of a model's keys before any sequence: for each layer and KV head the mean of each
 * channel and the weight that balances it.
 *
 * <p>Weights that minimise the error of a logit are (E[q²] / Var[k])^(1/4) by channel.
 */
public final class Calibration {

  private final float[][][] means;
  private final float[][][] weights;

  /**
   * @param means f32 [layers][kvHeads][keyDim]; [0] if keys are not centred
   * @param weights f32 [layers][kvHeads][keyDim], positive; [0] if keys are not balanced
   */
  public Calibration(float[][][] means, float[][][] weights) {
    this.means = copy("mean", means, -Float.MAX_VALUE);
    this.weights = copy("weight", weights, Float.MIN_NORMAL);
  }

  private static float[][][] copy(String what, float[][][] values, float least) {
    float[][][] copy = new float[values.length][][];
    for (int layer = 0; layer < values.length; layer++) {
      copy[layer] = new float[values[layer].length][];
      for (int head = 0; head < values[layer].length; head++) {
        copy[layer][head] = values[layer][head].clone();
        for (float value : copy[layer][head]) {
          if (!(value >= least && value <= Float.MAX_VALUE)) {
            throw new IllegalArgumentException(
                "a calibrated "
                    + what
                    + " cannot be used: layer="
                    + layer
                    + ", kvHead="
                    + head
                    + ", value="
                    + value
                    + "; means are finite, weights finite and positive");
          }
        }
      }
    }
    return copy;
  }

  /** The channels' means of a head, [keyDim]; empty if there are none. */
  Optional<float[]> mean(int layer, int head, int channels) {
    return of("means", means, layer, head, channels);
  }

  /** The channels' weights of a head, [keyDim]; empty if there are none. */
  Optional<float[]> weight(int layer, int head, int channels) {
    return of("weights", weights, layer, head, channels);
  }

  private static Optional<float[]> of(
      String what, float[][][] values, int layer, int head, int channels) {
    if (values.length == 0) {
      return Optional.empty();
    }
    if (layer >= values.length
        || head >= values[layer].length
        || values[layer][head].length != channels) {
      throw new IllegalArgumentException(
          "calibrated "
              + what
              + " do not fit the model: layer="
              + layer
              + ", kvHead="
              + head
              + ", keyDim="
              + channels
              + "; give f32 [layers][kvHeads][keyDim]");
    }
    return Optional.of(values[layer][head]);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Calibration that
        && Arrays.deepEquals(means, that.means)
        && Arrays.deepEquals(weights, that.weights);
  }

  @Override
  public int hashCode() {
    return 31 * Arrays.deepHashCode(means) + Arrays.deepHashCode(weights);
  }

  @Override
  public String toString() {
    return "calibrated";
  }
}
