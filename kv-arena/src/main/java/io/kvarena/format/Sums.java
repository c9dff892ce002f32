package io.kvarena.format;

/**
 * A sum of floats in the order that vectors of 16 add in, so that encoders in Java and in C agree
 * bit for bit: term i goes to partial sum i % 16; then partial sum i takes in i + 8, then i + 4, i
 * + 2 and i + 1.
 */
final class Sums {

  private static final int LANES = 16;

  private final float[] lanes = new float[LANES];
  private int terms;

  void add(float term) {
    lanes[terms++ % LANES] += term;
  }

  /** The sum; the partial sums are used up. */
  float total() {
    for (int width = LANES / 2; width > 0; width /= 2) {
      for (int lane = 0; lane < width; lane++) {
        lanes[lane] += lanes[lane + width];
      }
    }
    return lanes[0];
  }
}
