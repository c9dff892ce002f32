package io.kvarena.format;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * q8_0: groups of 32 channels of one token share an f16 scale d = max|x| / 127; a code is x / d
 * rounded half away from zero, taken with the f32 scale and stored with the f16 one.
 *
 * <pre>
 * keys     i8 [channels / 4][token][4]   four channels of one token side by side, padded with 0
 * values   i8 [token / 4][channel][4]    four tokens of one channel side by side
 * scales  f16 [channels / 32][token]     on the next multiple of 64 bytes
 * </pre>
 */
final class Q8 implements PageFormat {

  @Override
  public String name() {
    return "q8_0";
  }

  @Override
  public int code() {
    return 3;
  }

  static long codeBytes(int tokens, int channels) {
    return Tiles.roundUp(Tiles.roundUp(channels, 4) * tokens, Tiles.SCALE_ALIGNMENT);
  }

  @Override
  public long tileBytes(TileKind kind, int tokens, int channels) {
    return Tiles.roundUp(
        codeBytes(tokens, channels) + 2L * Tiles.groups(channels) * tokens, Tiles.ALIGNMENT);
  }

  static long codeIndex(TileKind kind, int token, int channel, int tokens, int channels) {
    return kind == TileKind.KEYS
        ? ((long) (channel >> 2) * tokens + token) * 4 + (channel & 3)
        : ((long) (token >> 2) * channels + channel) * 4 + (token & 3);
  }

  @Override
  public void encode(
      TileKind kind, float[] rows, int tokens, int channels, MemorySegment page, long offset) {
    long scales = offset + codeBytes(tokens, channels);
    for (int token = 0; token < tokens; token++) {
      int row = token * channels;
      for (int from = 0; from < channels; from += Tiles.GROUP) {
        int to = Math.min(channels, from + Tiles.GROUP);
        float scale = scale(rows, row + from, row + to);
        float inverse = scale == 0 ? 0 : 1 / scale;
        page.set(
            JAVA_SHORT_UNALIGNED,
            scales + 2L * (from / Tiles.GROUP * tokens + token),
            Float.floatToFloat16(scale));
        for (int channel = from; channel < to; channel++) {
          page.set(
              JAVA_BYTE,
              offset + codeIndex(kind, token, channel, tokens, channels),
              code(rows[row + channel], inverse));
        }
      }
    }
  }

  /** The f32 scale of a group. */
  static float scale(float[] values, int from, int to) {
    return Tiles.largest(values, from, to) / 127;
  }

  /** x · inverse rounded half away from zero. */
  static byte code(float value, float inverse) {
    float scaled = value * inverse;
    // Subnormal scales can have an infinite inverse; the stored f16 scale is then zero anyway.
    // In double the sum is exact, so that halves and only halves go away from zero.
    float rounded = (float) Math.floor(Math.abs((double) scaled) + 0.5);
    return (byte) Math.clamp(Math.copySign(rounded, scaled), -127f, 127f);
  }

  @Override
  public void decode(
      TileKind kind, MemorySegment page, long offset, int tokens, int channels, float[] rows) {
    long scales = offset + codeBytes(tokens, channels);
    for (int token = 0; token < tokens; token++) {
      int row = token * channels;
      for (int from = 0; from < channels; from += Tiles.GROUP) {
        int to = Math.min(channels, from + Tiles.GROUP);
        float scale =
            Float.float16ToFloat(
                page.get(
                    JAVA_SHORT_UNALIGNED, scales + 2L * (from / Tiles.GROUP * tokens + token)));
        for (int channel = from; channel < to; channel++) {
          rows[row + channel] =
              scale
                  * page.get(JAVA_BYTE, offset + codeIndex(kind, token, channel, tokens, channels));
        }
      }
    }
  }

  @Override
  public void errorBounds(TileKind kind, float[] rows, int tokens, int channels, float[] bounds) {
    for (int token = 0; token < tokens; token++) {
      int row = token * channels;
      for (int from = 0; from < channels; from += Tiles.GROUP) {
        int to = Math.min(channels, from + Tiles.GROUP);
        float bound = errorBound(Tiles.largest(rows, row + from, row + to));
        Arrays.fill(bounds, row + from, row + to, bound);
      }
    }
  }

  /** The bound for every value of a group whose largest magnitude is maxAbs. */
  static float errorBound(float maxAbs) {
    // Half a step, plus the f16 rounding of the scale times the largest code (127 · 2^-11 of a
    // step), plus what a subnormal f16 scale loses in absolute terms.
    float step = maxAbs / 127;
    return step * (0.5f + 127 * 0x1p-11f) * 1.00001f + 127 * 0x1p-25f;
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
    return name();
  }
}
