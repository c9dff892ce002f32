package io.kvarena.transform;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

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
  private final MemorySegment nativeMean;
  private final MemorySegment nativeFactors;
  private final MemorySegment nativeQueryFactors;

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
    nativeMean = inNativeMemory(mean);
    nativeFactors = inNativeMemory(signed(weight));
    nativeQueryFactors = weight.length == 0 ? nativeFactors : inNativeMemory(signed(inverse));
  }

  /** Numbers by channel with the signs; a sign rounds nothing. */
  private float[] signed(float[] numbers) {
    if (signs.length == 0 || numbers.length == 0) {
      return numbers.length == 0 ? signs : numbers;
    }
    float[] signed = numbers.clone();
    multiply(signed, 0, signs);
    return signed;
  }

  /** Collected with this object: it lives as long as the pages encoded under it. */
  private static MemorySegment inNativeMemory(float[] numbers) {
    if (numbers.length == 0) {
      return MemorySegment.NULL;
    }
    MemorySegment copy = Arena.ofAuto().allocate(4L * numbers.length, 64);
    MemorySegment.copy(numbers, 0, copy, JAVA_FLOAT, 0, numbers.length);
    return copy.asReadOnly();
  }

  /** A copy of µ by channel, empty if nothing is subtracted. */
  public float[] means() {
    return mean.clone();
  }

  /** A copy of w by channel, empty if channels have no weights. */
  public float[] weights() {
    return weight.clone();
  }

  /** µ, f32 [channels] in native memory; {@link MemorySegment#NULL} if nothing is subtracted. */
  public MemorySegment mean() {
    return nativeMean;
  }

  /**
   * What a row less µ is multiplied by before it is rotated, f32 [channels] in native memory: w
   * with the signs. {@link MemorySegment#NULL} if there are neither.
   */
  public MemorySegment factors() {
    return nativeFactors;
  }

  /** The same for a query: 1/w with the signs. */
  public MemorySegment queryFactors() {
    return nativeQueryFactors;
  }

  /** Whether channels have weights. */
  public boolean isBalanced() {
    return weight.length > 0;
  }

  /** Whether rows are rotated. */
  public boolean isRotated() {
    return signs.length > 0;
  }

  /** The same as {@code other}: for tests that put something wrong in its place. */
  protected TransformInstance(TransformInstance other) {
    mean = other.mean;
    weight = other.weight;
    inverse = other.inverse;
    signs = other.signs;
    channels = other.channels;
    nativeMean = other.nativeMean;
    nativeFactors = other.nativeFactors;
    nativeQueryFactors = other.nativeQueryFactors;
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
    // Two sums, as each addition waits for the one before.
    double even = 0;
    double odd = 0;
    for (int i = 0; i + 1 < mean.length; i += 2) {
      even += (double) rows[from + i] * mean[i];
      odd += (double) rows[from + i + 1] * mean[i + 1];
    }
    if (mean.length % 2 != 0) {
      even += (double) rows[from + mean.length - 1] * mean[mean.length - 1];
    }
    return (float) (even + odd);
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

  /** Bytes of its numbers, on the heap and in native memory. */
  public long bytes() {
    long heap = 4L * (mean.length + weight.length + inverse.length + signs.length);
    long queries = weight.length == 0 ? 0 : nativeQueryFactors.byteSize();
    return heap + nativeMean.byteSize() + nativeFactors.byteSize() + queries;
  }
}
