package io.kvarena.transform;

/**
 * A transform with its numbers, for the keys of one KV head in one layer or for values. Immutable
 * and shared by all pages that were encoded under it.
 *
 * <p>A key becomes y = H S (w ⊙ (k − µ)) and a query q' = H S (q / w), so that q·k = q'·y + q·µ. A
 * value becomes H S v, and a weighted sum of such values goes back by S H. All in f32, by channel
 * in this order: subtract, multiply by w (a query: by the f32 nearest to 1/w), flip the sign,
 * rotate as {@link Hadamard} says.
 */
public class TransformInstance {

  private final float[] mean;
  private final float[] weight;
  private final float[] inverse;
  private final float[] signs;
  private final int channels;

  /** Takes arrays of {@code channels} or, for what does not apply, empty ones. */
  TransformInstance(float[] mean, float[] weight, float[] signs, int channels) {
    this.mean = mean;
    this.weight = weight;
    this.signs = signs;
    this.channels = channels;
    inverse = new float[weight.length];
    for (int i = 0; i < weight.length; i++) {
      inverse[i] = 1 / weight[i];
    }
  }

  /** The same as {@code other}: for tests that put something wrong in its place. */
  protected TransformInstance(TransformInstance other) {
    mean = other.mean;
    weight = other.weight;
    inverse = other.inverse;
    signs = other.signs;
    channels = other.channels;
  }

  /** Channels of a row. */
  public int channels() {
    return channels;
  }

  /** Whether queries have a {@link #bias}. */
  public boolean isCentred() {
    return mean.length > 0;
  }

  /** µ of a channel. */
  public float mean(int channel) {
    return mean.length == 0 ? 0 : mean[channel];
  }

  /** w of a channel. */
  public float weight(int channel) {
    return weight.length == 0 ? 1 : weight[channel];
  }

  /** 1/w of a channel, as queries are multiplied by it. */
  public float inverseWeight(int channel) {
    return inverse.length == 0 ? 1 : inverse[channel];
  }

  /** The sign by which a channel is multiplied, 0 if nothing is rotated. */
  public float sign(int channel) {
    return signs.length == 0 ? 0 : signs[channel];
  }

  /**
   * Transforms a row to be encoded, in place.
   *
   * @param largest magnitude beyond which the result is clamped, since the format cannot hold it
   */
  public void encode(float[] rows, int from, float largest) {
    if (mean.length > 0) {
      subtract(rows, from, mean);
    }
    if (weight.length > 0) {
      multiply(rows, from, weight);
    }
    if (signs.length > 0) {
      multiply(rows, from, signs);
      Hadamard.transform(rows, from, channels);
    }
    for (int i = from; i < from + channels; i++) {
      rows[i] = Math.max(-largest, Math.min(largest, rows[i]));
    }
  }

  /** Transforms a query in place. */
  public void query(float[] rows, int from) {
    if (inverse.length > 0) {
      multiply(rows, from, inverse);
    }
    if (signs.length > 0) {
      multiply(rows, from, signs);
      Hadamard.transform(rows, from, channels);
    }
  }

  /** q·µ of a query that is not transformed yet: what its product with every key lacks. */
  public float bias(float[] rows, int from) {
    double bias = 0;
    for (int i = 0; i < mean.length; i++) {
      bias += (double) rows[from + i] * mean[i];
    }
    return (float) bias;
  }

  /** Maps a weighted sum of rotated values back, in place. */
  public void back(float[] rows, int from) {
    if (signs.length > 0) {
      Hadamard.transform(rows, from, channels);
      multiply(rows, from, signs);
    }
  }

  private static void subtract(float[] rows, int from, float[] by) {
    for (int i = 0; i < by.length; i++) {
      rows[from + i] -= by[i];
    }
  }

  private static void multiply(float[] rows, int from, float[] by) {
    for (int i = 0; i < by.length; i++) {
      rows[from + i] *= by[i];
    }
  }

  /** Heap bytes of its numbers. */
  public long bytes() {
    return 4L * (mean.length + weight.length + inverse.length + signs.length);
  }
}
