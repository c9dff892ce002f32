package io.kvarena.format;

/**
 * fp8_e4m3: 8-bit floats of 4 exponent and 3 mantissa bits with one scale for all channels of a
 * token, d = f16(max|x| / 448); a code is x / d rounded to nearest even, saturating at 448.
 *
 * <pre>
 * s eeee mmm   e = 0: m · 2^-9, else (8 + m) · 2^(e - 10); 0x7f and 0xff are NaN and never occur
 * </pre>
 *
 * <p>Source: Micikevicius et al., FP8 Formats for Deep Learning, arXiv 2209.05433 (E4M3).
 */
final class Fp8 extends TokenScaled {

  private static final float LARGEST = 448;

  /** What each code stands for. */
  private static final float[] LEVELS = new float[256];

  static {
    for (int code = 0; code < LEVELS.length; code++) {
      LEVELS[code] = fromBits(code);
    }
  }

  Fp8() {
    super(8);
  }

  @Override
  public String name() {
    return "fp8_e4m3";
  }

  @Override
  public int code() {
    return 6;
  }

  @Override
  float quantise(TileKind kind, float[] rows, int from, int channels, int[] codes) {
    float largest = Tiles.largest(rows, from, from + channels);
    float scale = Float.float16ToFloat(Float.floatToFloat16(largest / LARGEST));
    for (int channel = 0; channel < channels; channel++) {
      codes[channel] = scale == 0 ? 0 : toBits(rows[from + channel] / scale);
    }
    return scale;
  }

  /** The nearest of this format's numbers, of two equally near ones the even. */
  static int toBits(float value) {
    float magnitude = Math.min(Math.abs(value), LARGEST);
    // Numbers of one exponent, and all subnormals, lie apart by the same step, a power of two. What
    // rounds up to the next exponent's first number gets its code, too, as codes count on.
    int exponent = Math.max(-6, Math.getExponent(magnitude));
    float step = Math.scalb(1f, exponent - 3);
    int steps = (int) Math.rint(magnitude / step);
    int code = ((exponent + 6) << 3) + steps;
    return Float.floatToRawIntBits(value) < 0 ? code | 0x80 : code;
  }

  /** The number that a code stands for. */
  static float fromBits(int code) {
    int exponent = code >> 3 & 15;
    int mantissa = code & 7;
    float magnitude = exponent == 0 ? mantissa * 0x1p-9f : Math.scalb(8f + mantissa, exponent - 10);
    return (code & 0x80) == 0 ? magnitude : -magnitude;
  }

  @Override
  float level(int code) {
    return LEVELS[code];
  }

  @Override
  public void errorBounds(TileKind kind, float[] rows, int tokens, int channels, float[] bounds) {
    // Half a step is at most 2^-4 of the value, or 2^-10 d where it is subnormal. Saturation loses
    // what the rounding of d to f16 lost, 448 times: 2^-11 of it, or 2^-25 where d is subnormal.
    // Where d becomes 0 that is the whole value.
    for (int token = 0; token < tokens; token++) {
      int from = token * channels;
      float largest = Tiles.largest(rows, from, from + channels);
      float saturated = largest * 0x1p-11f + LARGEST * 0x1p-25f;
      float subnormal = (largest + saturated) / LARGEST * 0x1p-10f;
      for (int i = from; i < from + channels; i++) {
        float half = Math.max(Math.abs(rows[i]) * 0x1p-4f, subnormal);
        bounds[i] = (half + saturated) * 1.00001f;
      }
    }
  }
}
