package io.kvarena.format;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * q4_0: groups of 32 channels of one token share an f16 scale d = m / −8, m the signed value of
 * largest magnitude; a code is min(15, ⌊x / d + 8.5⌋), a value d · (code − 8).
 *
 * <pre>
 * keys     u8 [channels / 8][token][4]  low nibble channel 8r + i, high nibble channel 8r + 4 + i
 * values   u8 [token / 8][channel][4]   low nibble token 8r + i, high nibble token 8r + 4 + i
 * scales  f16 [channels / 32][token]    on the next multiple of 64 bytes
 * </pre>
 *
 * Padded channels hold code 8, which is zero.
 */
final class Q4 implements PageFormat {

  private static final byte ZERO_PAIR = (byte) 0x88;

  @Override
  public String name() {
    return "q4_0";
  }

  @Override
  public int code() {
    return 4;
  }

  static long codeBytes(int tokens, int channels) {
    return Tiles.roundUp(Tiles.roundUp(channels, 8) * tokens / 2, Tiles.SCALE_ALIGNMENT);
  }

  @Override
  public long tileBytes(TileKind kind, int tokens, int channels) {
    return Tiles.roundUp(
        codeBytes(tokens, channels) + 2L * Tiles.groups(channels) * tokens, Tiles.ALIGNMENT);
  }

  static long byteIndex(TileKind kind, int token, int channel, int tokens, int channels) {
    return kind == TileKind.KEYS
        ? ((long) (channel >> 3) * tokens + token) * 4 + (channel & 3)
        : ((long) (token >> 3) * channels + channel) * 4 + (token & 3);
  }

  static int shift(TileKind kind, int token, int channel) {
    return (kind == TileKind.KEYS ? channel : token) & 4;
  }

  @Override
  public void encode(
      TileKind kind, float[] rows, int tokens, int channels, MemorySegment page, long offset) {
    long scales = offset + codeBytes(tokens, channels);
    if (kind == TileKind.KEYS && channels % 8 != 0) {
      long lastRow = (long) (channels >> 3) * tokens * 4;
      for (int i = 0; i < tokens * 4; i++) {
        page.set(JAVA_BYTE, offset + lastRow + i, ZERO_PAIR);
      }
    }
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
          long at = offset + byteIndex(kind, token, channel, tokens, channels);
          int shift = shift(kind, token, channel);
          int other = page.get(JAVA_BYTE, at) & (0xf0 >> shift);
          page.set(JAVA_BYTE, at, (byte) (other | code(rows[row + channel], inverse) << shift));
        }
      }
    }
  }

  /** The signed f32 scale of a group. */
  static float scale(float[] values, int from, int to) {
    float largest = 0;
    float signed = 0;
    for (int i = from; i < to; i++) {
      float magnitude = Math.abs(values[i]);
      if (magnitude > largest) {
        largest = magnitude;
        signed = values[i];
      }
    }
    return signed / -8;
  }

  /** min(15, ⌊x · inverse + 8.5⌋). */
  static int code(float value, float inverse) {
    return Math.clamp((int) (value * inverse + 8.5f), 0, 15);
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
          int pair =
              page.get(JAVA_BYTE, offset + byteIndex(kind, token, channel, tokens, channels));
          int code = (pair >> shift(kind, token, channel)) & 15;
          rows[row + channel] = scale * (code - 8);
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
    // A whole step where x = −m: code 16 is clipped to 15. Then the f16 rounding of the scale.
    float step = maxAbs / 8;
    return step * (1 + 8 * 0x1p-11f) * 1.00001f + 8 * 0x1p-25f;
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
