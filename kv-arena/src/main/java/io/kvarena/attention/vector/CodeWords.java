package io.kvarena.attention.vector;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Makes planes of codes, words i32 [word][lane] with 32 / bits elements in each: byte i has every
 * fourth of them from the i-th on, the first lowest.
 */
final class CodeWords {

  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** The largest number that is below a half. */
  private static final float BELOW_HALF = 0x1.fffffep-2f;

  private int[] words = {};
  private int elements;
  private int lanes;
  private int stride;
  private int per;

  private void start(TileNumbers tile, int bits) {
    elements = tile.elements;
    lanes = tile.lanes;
    stride = tile.stride;
    per = 32 / bits;
    if (words.length < rows() * stride) {
      words = new int[rows() * stride];
    }
  }

  /** Words of a lane. */
  private int rows() {
    return (elements + per - 1) / per;
  }

  /** Makes codes ⌊x⌋ of numbers, at least 0 and at most {@code most}. */
  static void round(TileNumbers tile, int most) {
    round(tile.of, tile.codes, tile.elements * tile.stride, most);
  }

  private static void round(float[] x, int[] codes, int count, int most) {
    for (int i = 0; i < count; i += Lanes.COUNT) {
      FloatVector.fromArray(Lanes.FLOATS, x, i)
          .convert(VectorOperators.F2I, 0)
          .reinterpretAsInts()
          .max(0)
          .min(most)
          .intoArray(codes, i);
    }
  }

  /** Makes signed bytes of numbers: half away from zero, at most ±127, 0 for a NaN. */
  static void roundToBytes(TileNumbers tile) {
    roundToBytes(tile.of, tile.codes, tile.elements * tile.stride);
  }

  private static void roundToBytes(float[] x, int[] codes, int count) {
    for (int i = 0; i < count; i += Lanes.COUNT) {
      FloatVector v = FloatVector.fromArray(Lanes.FLOATS, x, i);
      IntVector sign = v.reinterpretAsInts().lanewise(VectorOperators.ASHR, 31);
      // What is less than a half by the least stays below one, and a half itself becomes one.
      v.abs()
          .add(BELOW_HALF)
          .convert(VectorOperators.F2I, 0)
          .reinterpretAsInts()
          .min(127)
          .lanewise(VectorOperators.XOR, sign)
          .sub(sign)
          .and(0xff)
          .intoArray(codes, i);
    }
  }

  /**
   * A plane of bits {@code from} to {@code from + bits} of the codes. Elements behind the last have
   * the code {@code padding}.
   */
  void plane(TileNumbers tile, int bits, int from, int padding) {
    start(tile, bits);
    for (int row = 0; row < rows(); row++) {
      for (int last = per - 4; last >= 0; last -= 4) {
        int at = (row * per + last) * stride;
        addFour(tile.codes, at, stride, words, row * stride, bits, from, last + 4 == per);
      }
    }
    pad(bits, padding);
  }

  /** Puts four elements below what is in the words of all lanes. */
  private static void addFour(
      int[] codes, int at, int stride, int[] words, int to, int bits, int from, boolean first) {
    int kept = first ? 0 : -1;
    int mask = ((1 << bits) - 1) * 0x01010101;
    for (int i = 0; i < stride; i += Lanes.COUNT) {
      IntVector.fromArray(Lanes.INTS, codes, at + 3 * stride + i)
          .lanewise(VectorOperators.LSHL, 8)
          .or(IntVector.fromArray(Lanes.INTS, codes, at + 2 * stride + i))
          .lanewise(VectorOperators.LSHL, 8)
          .or(IntVector.fromArray(Lanes.INTS, codes, at + stride + i))
          .lanewise(VectorOperators.LSHL, 8)
          .or(IntVector.fromArray(Lanes.INTS, codes, at + i))
          .lanewise(VectorOperators.LSHR, from)
          .and(mask)
          .or(
              IntVector.fromArray(Lanes.INTS, words, to + i)
                  .and(kept)
                  .lanewise(VectorOperators.LSHL, bits))
          .intoArray(words, to + i);
    }
  }

  private static int shift(int element, int bits) {
    return 8 * (element & 3) + bits * (element >> 2);
  }

  private void pad(int bits, int padding) {
    if (elements % per == 0) {
      return;
    }
    int used = 0;
    int rest = 0;
    for (int i = 0; i < per; i++) {
      if (i < elements % per) {
        used |= ((1 << bits) - 1) << shift(i, bits);
      } else {
        rest |= padding << shift(i, bits);
      }
    }
    for (int i = (rows() - 1) * stride; i < rows() * stride; i++) {
      words[i] = (words[i] & used) | rest;
    }
  }

  /** Writes the plane and returns its bytes. */
  long write(MemorySegment page, long at) {
    if (lanes == stride) {
      MemorySegment.copy(words, 0, page, INT, at, rows() * lanes);
    } else {
      for (int row = 0; row < rows(); row++) {
        MemorySegment.copy(words, row * stride, page, INT, at + 4L * row * lanes, lanes);
      }
    }
    return 4L * rows() * lanes;
  }
}
