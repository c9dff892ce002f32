package io.kvarena.attention.vector;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/** Keys in f32, [channel][token]. */
final class F32Keys implements KeyTile {

  static final KeyTile INSTANCE = new F32Keys();

  private F32Keys() {}

  @Override
  public void dot(MemorySegment slab, long tile, int tokens, int channels, Block block) {
    for (int token = 0; token < tokens; token += Lanes.PAIR) {
      dotPair(slab, tile + 4L * token, 4L * tokens, channels, block, token);
    }
  }

  /** The tokens of two vectors, from {@code token} on. */
  private static void dotPair(
      MemorySegment slab, long column, long rowBytes, int channels, Block block, int token) {
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
    long at = column;
    for (int i = 0; i < channels; i++) {
      touched = touched.or(Lanes.quads(ahead, aheadAt & -Block.LINE));
      // A step is up to two lines where the next tile is as wide as this one.
      long half = aheadAt + block.aheadStep / 2;
      touched = touched.or(Lanes.quads(ahead, half & -Block.LINE));
      aheadAt += block.aheadStep;
      FloatVector k = Lanes.floats(slab, at);
      FloatVector l = Lanes.floats(slab, at + 4L * Lanes.COUNT);
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
      at += rowBytes;
    }
    Lanes.store(a0, b0, block.weights, token);
    Lanes.store(a1, b1, block.weights, Block.STRIDE + token);
    Lanes.store(a2, b2, block.weights, 2 * Block.STRIDE + token);
    Lanes.store(a3, b3, block.weights, 3 * Block.STRIDE + token);
    block.touched(aheadAt, touched);
  }
}
