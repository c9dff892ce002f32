package io.kvarena.format;

import java.util.Arrays;

/**
 * int8: q8_0's rule with one scale for all channels of a token, d = max|x| / 127; a code is x · (1
 * / d) rounded half away from zero, taken with the f32 scale and stored with the f16 one.
 */
final class Int8 extends TokenScaled {

  Int8() {
    super(8);
  }

  @Override
  public String name() {
    return "int8";
  }

  @Override
  public int code() {
    return 5;
  }

  @Override
  float quantise(TileKind kind, float[] rows, int from, int channels, int[] codes) {
    float scale = Q8.scale(rows, from, from + channels);
    float inverse = scale == 0 ? 0 : 1 / scale;
    for (int channel = 0; channel < channels; channel++) {
      codes[channel] = Q8.code(rows[from + channel], inverse) & 0xff;
    }
    return scale;
  }

  @Override
  float level(int code) {
    return (byte) code;
  }

  @Override
  public void errorBounds(TileKind kind, float[] rows, int tokens, int channels, float[] bounds) {
    for (int token = 0; token < tokens; token++) {
      int from = token * channels;
      float bound = Q8.errorBound(Tiles.largest(rows, from, from + channels));
      Arrays.fill(bounds, from, from + channels, bound);
    }
  }
}
