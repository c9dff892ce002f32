package io.kvarena.attention.vector;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/** Keys in q8_0, i8 [channel / 4][token][4] and scales [channel / 32][token]. */
final class Q8Keys implements KeyTile {

  static final KeyTile INSTANCE = new Q8Keys();

  private Q8Keys() {}

  @Override
  public void dot(MemorySegment slab, long tile, int tokens, int channels, Block block) {
    long scales = tile + Quads.byteScales(tokens, channels);
    Quads.decodeScales(slab, scales, tokens, channels, Quads.BYTE_UNIT, block);
    for (int token = 0; token < tokens; token += Lanes.PAIR) {
      block.clearWeights(token);
      for (int from = 0; from < channels; from += Quads.GROUP) {
        int to = Math.min(channels, from + Quads.GROUP);
        dotGroup(slab, tile + 4L * token, 4L * tokens, from, to, block);
        Quads.addGroup(block, from / Quads.GROUP * tokens + token, token);
      }
    }
  }

  /** The codes of the channels from {@code from} to {@code to} and the tokens of two vectors. */
  private static void dotGroup(
      MemorySegment slab, long column, long rowBytes, int from, int to, Block block) {
    float[] q = block.queries;
    int q0 = block.starts[0];
    int q1 = block.starts[1];
    int q2 = block.starts[2];
    int q3 = block.starts[3];
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
    for (int i = from; i < to; i++) {
      touched = touched.or(Lanes.quads(ahead, aheadAt & -Block.LINE));
      aheadAt += block.aheadStep;
      long at = column + (i >> 2) * rowBytes;
      int shift = Quads.byteShift(i);
      FloatVector k = Quads.byteCode(Lanes.quads(slab, at), shift);
      FloatVector l = Quads.byteCode(Lanes.quads(slab, at + 4L * Lanes.COUNT), shift);
      FloatVector x = Lanes.all(q[q0 + i]);
      a0 = k.fma(x, a0);
      b0 = l.fma(x, b0);
      x = Lanes.all(q[q1 + i]);
      a1 = k.fma(x, a1);
      b1 = l.fma(x, b1);
      x = Lanes.all(q[q2 + i]);
      a2 = k.fma(x, a2);
      b2 = l.fma(x, b2);
      x = Lanes.all(q[q3 + i]);
      a3 = k.fma(x, a3);
      b3 = l.fma(x, b3);
    }
    Lanes.store(a0, b0, block.group, 0);
    Lanes.store(a1, b1, block.group, Lanes.PAIR);
    Lanes.store(a2, b2, block.group, 2 * Lanes.PAIR);
    Lanes.store(a3, b3, block.group, 3 * Lanes.PAIR);
    block.touched(aheadAt, touched);
  }
}
