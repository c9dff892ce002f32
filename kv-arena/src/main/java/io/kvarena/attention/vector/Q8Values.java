package io.kvarena.attention.vector;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/** Values in q8_0, i8 [token / 4][channel][4] and scales [channel / 32][token]. */
final class Q8Values implements ValueTile {

  static final ValueTile INSTANCE = new Q8Values();

  private Q8Values() {}

  @Override
  public int sum(MemorySegment slab, long tile, int tokens, int channels, Block block) {
    long scales = tile + Quads.byteScales(tokens, channels);
    Quads.decodeScales(slab, scales, tokens, channels, Quads.BYTE_UNIT, block);
    int done = Quads.readableChannels(tokens / 4, scales - tile, tokens, channels);
    for (int channel = 0; channel < done; channel += Lanes.PAIR) {
      if (channel % Quads.GROUP == 0) {
        Quads.scaleWeights(block, channel / Quads.GROUP * tokens, tokens);
      }
      sumPair(slab, tile + 4L * channel, 4L * channels, tokens, block, channel);
    }
    return done;
  }

  /** The channels of two vectors, from {@code channel} on. */
  private static void sumPair(
      MemorySegment slab, long column, long rowBytes, int tokens, Block block, int channel) {
    float[] w = block.scaled;
    FloatVector a0 = Lanes.zero();
    FloatVector a1 = a0;
    FloatVector a2 = a0;
    FloatVector a3 = a0;
    FloatVector b0 = a0;
    FloatVector b1 = a0;
    FloatVector b2 = a0;
    FloatVector b3 = a0;
    MemorySegment ahead = block.ahead;
    long aheadAt = block.aheadAt;
    IntVector touched = IntVector.zero(Lanes.INTS);
    for (int i = 0; i < tokens; i++) {
      touched = touched.or(Lanes.quads(ahead, aheadAt & -Block.LINE));
      aheadAt += block.aheadStep;
      long at = column + (i >> 2) * rowBytes;
      int shift = Quads.byteShift(i);
      FloatVector u = Quads.byteCode(Lanes.quads(slab, at), shift);
      FloatVector v = Quads.byteCode(Lanes.quads(slab, at + 4L * Lanes.COUNT), shift);
      FloatVector x = Lanes.all(w[i]);
      a0 = u.fma(x, a0);
      b0 = v.fma(x, b0);
      x = Lanes.all(w[Block.STRIDE + i]);
      a1 = u.fma(x, a1);
      b1 = v.fma(x, b1);
      x = Lanes.all(w[2 * Block.STRIDE + i]);
      a2 = u.fma(x, a2);
      b2 = v.fma(x, b2);
      x = Lanes.all(w[3 * Block.STRIDE + i]);
      a3 = u.fma(x, a3);
      b3 = v.fma(x, b3);
    }
    int stride = block.sumStride;
    Lanes.store(a0, b0, block.sums, channel);
    Lanes.store(a1, b1, block.sums, stride + channel);
    Lanes.store(a2, b2, block.sums, 2 * stride + channel);
    Lanes.store(a3, b3, block.sums, 3 * stride + channel);
    block.touched(aheadAt, touched);
  }

  @Override
  public float value(
      MemorySegment slab, long tile, int tokens, int channels, int token, int channel) {
    long scales = tile + Quads.byteScales(tokens, channels);
    float scale = Quads.half(slab, scales + 2L * (channel / Quads.GROUP * tokens + token));
    long code = tile + 4L * ((token >> 2) * channels + channel) + (token & 3);
    return scale * slab.get(JAVA_BYTE, code);
  }
}
