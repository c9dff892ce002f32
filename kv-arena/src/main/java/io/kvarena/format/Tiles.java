package io.kvarena.format;

/** Arithmetic shared by the formats: rounding of sizes and the fixed numbers of the layout. */
final class Tiles {

  /** Tiles start and end on this boundary, which suits every OpenCL sub-buffer and cache line. */
  static final int ALIGNMENT = 128;

  /** Channels that share a scale. */
  static final int GROUP = 32;

  /** Scales start on a cache line of their own. */
  static final int SCALE_ALIGNMENT = 64;

  private Tiles() {}

  static long roundUp(long value, long multiple) {
    return (value + multiple - 1) / multiple * multiple;
  }

  /** Place of a value among the values of an unquantised tile. */
  static int plainIndex(TileKind kind, int token, int channel, int tokens, int channels) {
    return kind == TileKind.KEYS ? channel * tokens + token : token * channels + channel;
  }

  /** Largest magnitude of {@code values[from .. to)}. */
  static float largest(float[] values, int from, int to) {
    float largest = 0;
    for (int i = from; i < to; i++) {
      largest = Math.max(largest, Math.abs(values[i]));
    }
    return largest;
  }

  static int groups(int channels) {
    return (channels + GROUP - 1) / GROUP;
  }
}
