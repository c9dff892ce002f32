package io.kvarena.attention.vector;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/** f32 [element][lane]. */
final class F32Codes implements Codes {

  static final Codes INSTANCE = new F32Codes();

  private F32Codes() {}

  @Override
  public int bytes(int elements, int lanes) {
    return 4 * elements * lanes;
  }

  @Override
  public void multiply(
      MemorySegment slab,
      long tile,
      int elements,
      int lanes,
      int lane,
      int from,
      int to,
      Block block) {
    float[] f = block.factors;
    FloatVector a0 = FloatVector.zero(Lanes.FLOATS);
    FloatVector a1 = a0;
    FloatVector a2 = a0;
    FloatVector a3 = a0;
    FloatVector b0 = a0;
    FloatVector b1 = a0;
    FloatVector b2 = a0;
    FloatVector b3 = a0;
    long column = tile + 4L * lane;
    for (int i = from; i < to; i++) {
      long at = column + 4L * lanes * i;
      FloatVector u = Lanes.floats(slab, at);
      FloatVector v = Lanes.floats(slab, at + 4L * Lanes.COUNT);
      FloatVector x = FloatVector.broadcast(Lanes.FLOATS, f[i]);
      a0 = u.fma(x, a0);
      b0 = v.fma(x, b0);
      x = FloatVector.broadcast(Lanes.FLOATS, f[i + Block.STRIDE]);
      a1 = u.fma(x, a1);
      b1 = v.fma(x, b1);
      x = FloatVector.broadcast(Lanes.FLOATS, f[i + 2 * Block.STRIDE]);
      a2 = u.fma(x, a2);
      b2 = v.fma(x, b2);
      x = FloatVector.broadcast(Lanes.FLOATS, f[i + 3 * Block.STRIDE]);
      a3 = u.fma(x, a3);
      b3 = v.fma(x, b3);
    }
    float[] p = block.products;
    a0.intoArray(p, 0);
    b0.intoArray(p, Lanes.COUNT);
    a1.intoArray(p, 2 * Lanes.COUNT);
    b1.intoArray(p, 3 * Lanes.COUNT);
    a2.intoArray(p, 4 * Lanes.COUNT);
    b2.intoArray(p, 5 * Lanes.COUNT);
    a3.intoArray(p, 6 * Lanes.COUNT);
    b3.intoArray(p, 7 * Lanes.COUNT);
  }
}
