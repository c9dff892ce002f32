package io.kvarena.format;

import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;

/**
 * A format whose values are scale · level(code), with one scale for all channels of a token.
 *
 * <pre>
 * codes   as {@link CodePlanes} draws them
 * scales  f16 [token]               on the next multiple of 64 bytes
 * </pre>
 */
abstract class TokenScaled implements PageFormat {

  private final CodePlanes planes;

  TokenScaled(int bits) {
    planes = new CodePlanes(bits);
  }

  /**
   * Quantises one token's row, {@code rows[from .. from + channels)}.
   *
   * @param codes takes the codes, [channels]
   * @return the scale before it is rounded to f16
   */
  abstract float quantise(TileKind kind, float[] rows, int from, int channels, int[] codes);

  /** What a code stands for before it is scaled. */
  abstract float level(int code);

  @Override
  public long tileBytes(TileKind kind, int tokens, int channels) {
    return Tiles.roundUp(planes.metadata(kind, tokens, channels) + 2L * tokens, Tiles.ALIGNMENT);
  }

  @Override
  public void encode(
      TileKind kind, float[] rows, int tokens, int channels, MemorySegment page, long offset) {
    long scales = offset + planes.metadata(kind, tokens, channels);
    int[] codes = new int[channels];
    planes.clear(kind, tokens, channels, page, offset);
    for (int token = 0; token < tokens; token++) {
      float scale = quantise(kind, rows, token * channels, channels, codes);
      page.set(JAVA_SHORT_UNALIGNED, scales + 2L * token, Float.floatToFloat16(scale));
      for (int channel = 0; channel < channels; channel++) {
        planes.put(kind, token, channel, tokens, channels, codes[channel], page, offset);
      }
    }
  }

  @Override
  public void decode(
      TileKind kind, MemorySegment page, long offset, int tokens, int channels, float[] rows) {
    long scales = offset + planes.metadata(kind, tokens, channels);
    for (int token = 0; token < tokens; token++) {
      float scale = Float.float16ToFloat(page.get(JAVA_SHORT_UNALIGNED, scales + 2L * token));
      for (int channel = 0; channel < channels; channel++) {
        int code = planes.code(kind, token, channel, tokens, channels, page, offset);
        rows[token * channels + channel] = scale * level(code);
      }
    }
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
