package io.kvarena.format;

/** bfloat16: the upper half of an f32, rounded to nearest even. */
public final class Bfloat16 {

  private Bfloat16() {}

  /** Nearest bfloat16; a NaN stays a quiet NaN. */
  public static short toBits(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      return (short) ((bits >>> 16) | 0x40);
    }
    return (short) ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
  }

  /** The float that the bits stand for. */
  public static float fromBits(short bits) {
    return Float.intBitsToFloat(bits << 16);
  }
}
