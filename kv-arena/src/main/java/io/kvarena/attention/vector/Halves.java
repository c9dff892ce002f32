package io.kvarena.attention.vector;

/** Conversion of arrays to f16 and back, in loops that the JIT compiler makes vectors of. */
final class Halves {

  private Halves() {}

  /** Sets to[i] to the bits of the f16 number nearest to from[i]. */
  static void store(float[] from, short[] to, int count) {
    for (int i = 0; i < count; i++) {
      to[i] = Float.floatToFloat16(from[i]);
    }
  }

  /** Sets to[i] to the number whose bits are from[i]. */
  static void load(short[] from, float[] to, int count) {
    for (int i = 0; i < count; i++) {
      to[i] = Float.float16ToFloat(from[i]);
    }
  }
}
