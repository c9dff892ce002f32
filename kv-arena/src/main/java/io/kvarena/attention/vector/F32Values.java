package io.kvarena.attention.vector;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/** Values in f32, [token][channel]. */
final class F32Values implements ValueTile {

  static final ValueTile INSTANCE = new F32Values();

  private F32Values() {}

  @Override
  public int sum(MemorySegment slab, long tile, int tokens, int channels, Block block) {
    if (channels < Lanes.PAIR) {
      return 0;
    }
    for (int channel = 0; channel < channels; channel += Lanes.PAIR) {
      // The last pair ends with the row; what it has in common with the one before comes out alike.
      int from = Math.min(channel, channels - Lanes.PAIR);
      sumPair(slab, tile + 4L * from, 4L * channels, tokens, block, from);
    }
    return channels;
  }

  /** The channels of two vectors, from {@code channel} on. */
  private static void sumPair(
      MemorySegment slab, long column, long rowBytes, int tokens, Block block, int channel) {
    float[] w = block.weights;
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
    long at = column;
    for (int i = 0; i < tokens; i++) {
      touched = touched.or(Lanes.quads(ahead, aheadAt & -Block.LINE));
      // A step is up to two lines where the next tile is as wide as this one.
      long half = aheadAt + block.aheadStep / 2;
      touched = touched.or(Lanes.quads(ahead, half & -Block.LINE));
      aheadAt += block.aheadStep;
      FloatVector u = Lanes.floats(slab, at);
      FloatVector v = Lanes.floats(slab, at + 4L * Lanes.COUNT);
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
      at += rowBytes;
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
    return slab.get(JAVA_FLOAT_UNALIGNED, tile + 4L * (token * channels + channel));
  }
}
