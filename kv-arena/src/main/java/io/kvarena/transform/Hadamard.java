package io.kvarena.transform;

/**
 * The block-diagonal Walsh-Hadamard transform of a row: symmetric, orthogonal, its own inverse.
 *
 * <p>A row of any number of channels is cut into blocks of the powers of two that make it up, the
 * largest first: 80 = 64 + 16, 7 = 4 + 2 + 1.
 */
final class Hadamard {

  /*
   * The arithmetic, to the bit.
   *
   * For each block of n channels: for h = 1, 2, 4, … n/2 in this order, for every pair of channels
   * (i, i + h) with i & h == 0 in the block: (a, b) becomes (a + b, a - b) in f32. After the last
   * stage every channel is multiplied by the f32 nearest to 1/√n. Two stages are done at once
   * below, which changes no operand and no rounding. An implementation in another language that
   * does these additions on these operands agrees bit for bit.
   */

  private Hadamard() {}

  /** Transforms {@code channels} values of {@code row} in place, from {@code from} on. */
  static void transform(float[] row, int from, int channels) {
    for (int at = from, left = channels; left > 0; ) {
      int block = Integer.highestOneBit(left);
      stages(row, at, block);
      scale(row, at, block, (float) (1 / Math.sqrt(block)));
      at += block;
      left -= block;
    }
  }

  private static void stages(float[] row, int at, int block) {
    int h = 1;
    if (block >= 4) {
      firstStages(row, at, block);
      h = 4;
    }
    for (; 4 * h <= block; h *= 4) {
      twoStages(row, at, block, h);
    }
    if (h < block) {
      for (int i = at; i < at + h; i++) {
        float a = row[i];
        float b = row[i + h];
        row[i] = a + b;
        row[i + h] = a - b;
      }
    }
  }

  /** The stages 1 and 2: what {@link #twoStages} does, without a loop of one round. */
  private static void firstStages(float[] row, int at, int block) {
    for (int i = at; i < at + block; i += 4) {
      float sum = row[i] + row[i + 1];
      float difference = row[i] - row[i + 1];
      float otherSum = row[i + 2] + row[i + 3];
      float otherDifference = row[i + 2] - row[i + 3];
      row[i] = sum + otherSum;
      row[i + 1] = difference + otherDifference;
      row[i + 2] = sum - otherSum;
      row[i + 3] = difference - otherDifference;
    }
  }

  /** The stages h and 2h. */
  private static void twoStages(float[] row, int at, int block, int h) {
    for (int start = at; start < at + block; start += 4 * h) {
      for (int i = start; i < start + h; i++) {
        float a = row[i];
        float b = row[i + h];
        float c = row[i + 2 * h];
        float d = row[i + 3 * h];
        float sum = a + b;
        float difference = a - b;
        float otherSum = c + d;
        float otherDifference = c - d;
        row[i] = sum + otherSum;
        row[i + h] = difference + otherDifference;
        row[i + 2 * h] = sum - otherSum;
        row[i + 3 * h] = difference - otherDifference;
      }
    }
  }

  private static void scale(float[] row, int at, int count, float by) {
    for (int i = at; i < at + count; i++) {
      row[i] *= by;
    }
  }
}
