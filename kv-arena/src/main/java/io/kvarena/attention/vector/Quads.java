package io.kvarena.attention.vector;

import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;

/**
 * What the quantised formats share: codes that lie four bytes to a lane, and scales of 32 channels.
 *
 * <p>A code is taken out of its int by moving it to the top, where its sign is the int's. As a
 * float it then is a power of two too large; the scale makes up for that.
 */
final class Quads {

  /** Channels that share a scale. */
  static final int GROUP = 32;

  /** What a byte's code is too large by. */
  static final float BYTE_UNIT = 0x1p-24f;

  /** What a nibble's code is too large by. */
  static final float NIBBLE_UNIT = 0x1p-28f;

  private static final int SCALE_ALIGNMENT = 64;
  private static final int TOP_BYTE = 0xff000000;
  private static final int TOP_NIBBLE = 0xf0000000;

  private Quads() {}

  /** Where the scales of a tile of bytes start, keys or values: on a cache line of their own. */
  static long byteScales(int tokens, int channels) {
    return Lanes.roundUp(Lanes.roundUp(channels, 4) * tokens, SCALE_ALIGNMENT);
  }

  /** Where the scales of a tile of nibbles start, keys or values. */
  static long nibbleScales(int tokens, int channels) {
    return Lanes.roundUp(Lanes.roundUp(channels, 8) * tokens / 2, SCALE_ALIGNMENT);
  }

  /** By how far the byte for {@code index}, of four that start at a multiple of four, goes up. */
  static int byteShift(int index) {
    return 24 - 8 * (index & 3);
  }

  /** A byte's code, in units of 2^-24. */
  static FloatVector byteCode(IntVector codes, int shift) {
    return Lanes.toFloats(codes.lanewise(VectorOperators.LSHL, shift).and(TOP_BYTE));
  }

  /** By how far the nibble for {@code index}, of eight that start at a multiple of 8, goes up. */
  static int nibbleShift(int index) {
    return 28 - 8 * (index & 3) - (index & 4);
  }

  /** A nibble's code less 8, in units of 2^-28: turning its top bit makes it two's complement. */
  static FloatVector nibbleCode(IntVector codes, int shift) {
    return Lanes.toFloats(
        codes
            .lanewise(VectorOperators.LSHL, shift)
            .and(TOP_NIBBLE)
            .lanewise(VectorOperators.XOR, Integer.MIN_VALUE));
  }

  /** Decodes the f16 scales of a tile, times {@code factor}, into the block. */
  static void decodeScales(
      MemorySegment slab, long scales, int tokens, int channels, float factor, Block block) {
    int count = Lanes.roundUp(channels, GROUP) / GROUP * tokens;
    if (block.scales.length < count + Lanes.PAIR) {
      block.scales = new float[count + Lanes.PAIR];
    }
    int full = count & -Lanes.COUNT;
    for (int i = 0; i < full; i += Lanes.COUNT) {
      ShortVector.fromMemorySegment(Lanes.SHORTS, slab, scales + 2L * i, ByteOrder.nativeOrder())
          .convertShape(VectorOperators.S2I, Lanes.INTS, 0)
          .reinterpretAsInts()
          .lanewise(VectorOperators.LSHL, Lanes.HALF_SHIFT)
          .lanewise(VectorOperators.AND, Lanes.HALF_BITS)
          .reinterpretAsFloats()
          .mul(factor * Lanes.HALF_SCALE)
          .intoArray(block.scales, i);
    }
    // A whole vector could reach out of the page here.
    for (int i = full; i < count; i++) {
      block.scales[i] = half(slab, scales + 2L * i) * factor;
    }
  }

  /** Adds the block's dot products of a group of codes, times its scales, to its logits. */
  static void addGroup(Block block, int scales, int token) {
    FloatVector first = FloatVector.fromArray(Lanes.FLOATS, block.scales, scales);
    FloatVector second = FloatVector.fromArray(Lanes.FLOATS, block.scales, scales + Lanes.COUNT);
    for (int row = 0; row < Block.ROWS; row++) {
      int from = row * Lanes.PAIR;
      int to = row * Block.STRIDE + token;
      FloatVector.fromArray(Lanes.FLOATS, block.group, from)
          .fma(first, FloatVector.fromArray(Lanes.FLOATS, block.weights, to))
          .intoArray(block.weights, to);
      FloatVector.fromArray(Lanes.FLOATS, block.group, from + Lanes.COUNT)
          .fma(second, FloatVector.fromArray(Lanes.FLOATS, block.weights, to + Lanes.COUNT))
          .intoArray(block.weights, to + Lanes.COUNT);
    }
  }

  /** Sets the block's scaled weights to its weights times a group's scales. */
  static void scaleWeights(Block block, int scales, int tokens) {
    for (int token = 0; token < tokens; token += Lanes.COUNT) {
      FloatVector scale = FloatVector.fromArray(Lanes.FLOATS, block.scales, scales + token);
      for (int row = 0; row < Block.ROWS; row++) {
        int at = row * Block.STRIDE + token;
        FloatVector.fromArray(Lanes.FLOATS, block.weights, at)
            .mul(scale)
            .intoArray(block.scaled, at);
      }
    }
  }

  /**
   * How many channels of a values tile may be read in pairs of vectors: all of them if those behind
   * the last, which read on into the next row and at the end into the scales, stay in the tile.
   *
   * @param rows rows of codes
   * @param codeBytes bytes of all codes
   * @param tokens tokens of the tile
   * @param channels channels of a value
   */
  static int readableChannels(int rows, long codeBytes, int tokens, int channels) {
    long scaleBytes = 2L * Lanes.roundUp(channels, GROUP) / GROUP * tokens;
    long end = 4L * ((rows - 1) * channels + Lanes.roundUp(channels, Lanes.PAIR));
    return end <= codeBytes + scaleBytes ? channels : channels / Lanes.PAIR * Lanes.PAIR;
  }

  /** One f16 value. */
  static float half(MemorySegment slab, long at) {
    return Float.float16ToFloat(slab.get(JAVA_SHORT_UNALIGNED, at));
  }
}
