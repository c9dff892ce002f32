package io.kvarena.format;

import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * kivi4 and kivi2: values are scale · code + min, keys in groups of one channel and all tokens of
 * the page, since a channel of keys is alike from token to token, values in groups of 64 channels
 * of one token. scale = f16((max − min) / (2^bits − 1)), min = f16(min), and a code is ⌊(x − min) ·
 * (1 / scale) + 0.5⌋, from 0 to 2^bits − 1.
 *
 * <pre>
 * codes   as {@link CodePlanes} draws them
 * keys    f16 scale [channel], f16 min [channel]
 * values  f16 scale [channels / 64][token], f16 min [channels / 64][token]
 *         on the next multiple of 64 bytes, the second right behind the first
 * </pre>
 *
 * <p>kivi2 clips: of the ranges centre ± a · (max − min) / 2, a = 10 / 20, 11 / 20 … 1, it takes
 * the one of least squared error over the group, the first of equals; the codes of a range follow
 * from its rounded scale and min. All arithmetic is f32, each product rounded before it is added;
 * sums as {@link Sums} orders them. Every slot of a page counts, filled or not; a min of −0 counts
 * as 0.
 *
 * <p>Source: Liu et al., KIVI: A Tuning-Free Asymmetric 2bit Quantization for KV Cache, arXiv
 * 2402.02750; groups of keys are a page's tokens and the clipping is ours.
 */
final class Kivi implements PageFormat {

  /** Channels of one value that share a scale. */
  private static final int VALUE_GROUP = 64;

  private final String name;
  private final int code;
  private final CodePlanes planes;
  private final int codeMax;
  private final boolean clips;

  private Kivi(int bits, int code, boolean clips) {
    name = "kivi" + bits;
    this.code = code;
    planes = new CodePlanes(bits);
    codeMax = (1 << bits) - 1;
    this.clips = clips;
  }

  static Kivi bits4() {
    return new Kivi(4, 10, false);
  }

  static Kivi bits2() {
    return new Kivi(2, 11, true);
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public int code() {
    return code;
  }

  /** Values that share a scale: {@code index} is its place among the scales and the mins. */
  private record Group(int index, int fromToken, int toToken, int fromChannel, int toChannel) {

    /** The group's values, in order. */
    float[] of(float[] rows, int channels) {
      float[] values = new float[(toToken - fromToken) * (toChannel - fromChannel)];
      int count = 0;
      for (int token = fromToken; token < toToken; token++) {
        for (int channel = fromChannel; channel < toChannel; channel++) {
          values[count++] = rows[token * channels + channel];
        }
      }
      return values;
    }
  }

  private static int groups(TileKind kind, int tokens, int channels) {
    return kind == TileKind.KEYS ? channels : (channels + VALUE_GROUP - 1) / VALUE_GROUP * tokens;
  }

  private static Group group(TileKind kind, int index, int tokens, int channels) {
    if (kind == TileKind.KEYS) {
      return new Group(index, 0, tokens, index, index + 1);
    }
    int token = index % tokens;
    int channel = index / tokens * VALUE_GROUP;
    int end = Math.min(channels, channel + VALUE_GROUP);
    return new Group(index, token, token + 1, channel, end);
  }

  @Override
  public long tileBytes(TileKind kind, int tokens, int channels) {
    return Tiles.roundUp(
        planes.metadata(kind, tokens, channels) + 4L * groups(kind, tokens, channels),
        Tiles.ALIGNMENT);
  }

  /** A group's scale and min, both numbers of f16. */
  private record Range(float scale, float min) {

    static Range of(float from, float to, int codeMax) {
      // A sum with 0 is never −0, which would depend on the order of the values.
      return new Range(f16((to - from) / codeMax), f16(from + 0f));
    }

    private static float f16(float value) {
      return Float.float16ToFloat(Float.floatToFloat16(value));
    }

    int code(float value, int codeMax) {
      if (scale == 0) {
        return 0;
      }
      float steps = (value - min) * (1 / scale);
      return Math.clamp((long) Math.floor(steps + 0.5f), 0, codeMax);
    }

    float value(int code) {
      return scale * code + min;
    }
  }

  private Range range(float[] values) {
    float min = values[0];
    float max = values[0];
    for (float value : values) {
      min = Math.min(min, value);
      max = Math.max(max, value);
    }
    return clips ? clipped(values, min, max) : Range.of(min, max, codeMax);
  }

  private Range clipped(float[] values, float min, float max) {
    float centre = (max + min) / 2;
    float half = (max - min) / 2;
    Range best = Range.of(min, max, codeMax);
    float bestError = Float.POSITIVE_INFINITY;
    for (int twentieths = 10; twentieths <= 20; twentieths++) {
      float reach = twentieths / 20f * half;
      Range range = Range.of(centre - reach, centre + reach, codeMax);
      float error = squaredError(values, range);
      if (error < bestError) {
        bestError = error;
        best = range;
      }
    }
    return best;
  }

  private float squaredError(float[] values, Range range) {
    Sums sum = new Sums();
    for (float value : values) {
      float error = value - range.value(range.code(value, codeMax));
      sum.add(error * error);
    }
    return sum.total();
  }

  @Override
  public void encode(
      TileKind kind, float[] rows, int tokens, int channels, MemorySegment page, long offset) {
    long scales = offset + planes.metadata(kind, tokens, channels);
    int groups = groups(kind, tokens, channels);
    planes.clear(kind, tokens, channels, page, offset);
    for (int index = 0; index < groups; index++) {
      Group group = group(kind, index, tokens, channels);
      Range range = range(group.of(rows, channels));
      page.set(JAVA_SHORT_UNALIGNED, scales + 2L * index, Float.floatToFloat16(range.scale));
      page.set(
          JAVA_SHORT_UNALIGNED, scales + 2L * (groups + index), Float.floatToFloat16(range.min));
      for (int token = group.fromToken; token < group.toToken; token++) {
        for (int channel = group.fromChannel; channel < group.toChannel; channel++) {
          int code = range.code(rows[token * channels + channel], codeMax);
          planes.put(kind, token, channel, tokens, channels, code, page, offset);
        }
      }
    }
  }

  @Override
  public void decode(
      TileKind kind, MemorySegment page, long offset, int tokens, int channels, float[] rows) {
    long scales = offset + planes.metadata(kind, tokens, channels);
    int groups = groups(kind, tokens, channels);
    for (int index = 0; index < groups; index++) {
      Group group = group(kind, index, tokens, channels);
      Range range = new Range(f16At(page, scales, index), f16At(page, scales, groups + index));
      for (int token = group.fromToken; token < group.toToken; token++) {
        for (int channel = group.fromChannel; channel < group.toChannel; channel++) {
          int code = planes.code(kind, token, channel, tokens, channels, page, offset);
          rows[token * channels + channel] = range.value(code);
        }
      }
    }
  }

  private static float f16At(MemorySegment page, long from, int index) {
    return Float.float16ToFloat(page.get(JAVA_SHORT_UNALIGNED, from + 2L * index));
  }

  @Override
  public void errorBounds(TileKind kind, float[] rows, int tokens, int channels, float[] bounds) {
    for (int index = 0; index < groups(kind, tokens, channels); index++) {
      Group group = group(kind, index, tokens, channels);
      float[] values = group.of(rows, channels);
      float bound = bound(values);
      for (int token = group.fromToken; token < group.toToken; token++) {
        int row = token * channels;
        Arrays.fill(bounds, row + group.fromChannel, row + group.toChannel, bound);
      }
    }
  }

  /*
   * Inside the range a value is off by half a step, R / (2 n) for a range R and n = 2^bits - 1. With
   * clipping to a of the range, a from 0.5 to 1, by a R / (2 n) inside and (1 - a) R / 2 outside:
   * R / 4 at the most. Where a value is clipped because min or scale was rounded to f16 it loses
   * what they lost, 2^-11 of the min and of n scales, or 2^-25 each where they are subnormal; a
   * scale that becomes 0 loses the range, which is then below n 2^-25. f32 arithmetic rounds sums as
   * large as the largest value by 2^-24 a few times.
   */
  private float bound(float[] values) {
    double min = values[0];
    double max = values[0];
    for (float value : values) {
      min = Math.min(min, value);
      max = Math.max(max, value);
    }
    double range = max - min;
    double largest = Math.max(Math.abs(min), Math.abs(max));
    double inside = clips ? range / 4 : range / (2 * codeMax);
    double rounded = (largest + range) * 0x1p-11 + (codeMax + 1) * 0x1p-25;
    return (float) ((inside + rounded) * 1.0001 + largest * 0x1p-21);
  }

  @Override
  public boolean hasOffset() {
    return true;
  }

  @Override
  public float magnitudeMax() {
    return 65504f;
  }

  @Override
  public RawFormat raw() {
    return Formats.F16;
  }

  @Override
  public String toString() {
    return name;
  }
}
