package io.kvarena.attention.vector;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * u4 less 8, [element / 8][lane][4 bytes]: the low nibbles are four elements, the high ones the
 * next four.
 */
final class NibbleCodes implements Codes {

  static final Codes INSTANCE = new NibbleCodes();

  private NibbleCodes() {}

  @Override
  public int bytes(int elements, int lanes) {
    return 4 * Lanes.roundUp(elements, 8) / 8 * lanes;
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
    for (int i = from; i < to; i += 8) {
      long at = column + 4L * lanes * (i / 8);
      IntVector c = IntVector.fromMemorySegment(Lanes.INTS, slab, at, LITTLE_ENDIAN);
      IntVector d =
          IntVector.fromMemorySegment(Lanes.INTS, slab, at + 4L * Lanes.COUNT, LITTLE_ENDIAN);
      // Codes become the lowest bits of a power of two and something; taking the power off is
      // exact,
      // and an operation less than moving, masking and converting.
      for (int j = i; j < i + 4; j++) {
        FloatVector u =
            c.lanewise(VectorOperators.AND, 15)
                .lanewise(VectorOperators.OR, 0x4b000000)
                .reinterpretAsFloats()
                .sub(0x1p23f + 8);
        FloatVector v =
            d.lanewise(VectorOperators.AND, 15)
                .lanewise(VectorOperators.OR, 0x4b000000)
                .reinterpretAsFloats()
                .sub(0x1p23f + 8);
        FloatVector x = FloatVector.broadcast(Lanes.FLOATS, f[j]);
        a0 = u.fma(x, a0);
        b0 = v.fma(x, b0);
        x = FloatVector.broadcast(Lanes.FLOATS, f[j + Block.STRIDE]);
        a1 = u.fma(x, a1);
        b1 = v.fma(x, b1);
        x = FloatVector.broadcast(Lanes.FLOATS, f[j + 2 * Block.STRIDE]);
        a2 = u.fma(x, a2);
        b2 = v.fma(x, b2);
        x = FloatVector.broadcast(Lanes.FLOATS, f[j + 3 * Block.STRIDE]);
        a3 = u.fma(x, a3);
        b3 = v.fma(x, b3);
        u =
            c.lanewise(VectorOperators.AND, 0xf0)
                .lanewise(VectorOperators.OR, 0x49000000)
                .reinterpretAsFloats()
                .sub(0x1p19f + 8);
        v =
            d.lanewise(VectorOperators.AND, 0xf0)
                .lanewise(VectorOperators.OR, 0x49000000)
                .reinterpretAsFloats()
                .sub(0x1p19f + 8);
        x = FloatVector.broadcast(Lanes.FLOATS, f[j + 4]);
        a0 = u.fma(x, a0);
        b0 = v.fma(x, b0);
        x = FloatVector.broadcast(Lanes.FLOATS, f[j + 4 + Block.STRIDE]);
        a1 = u.fma(x, a1);
        b1 = v.fma(x, b1);
        x = FloatVector.broadcast(Lanes.FLOATS, f[j + 4 + 2 * Block.STRIDE]);
        a2 = u.fma(x, a2);
        b2 = v.fma(x, b2);
        x = FloatVector.broadcast(Lanes.FLOATS, f[j + 4 + 3 * Block.STRIDE]);
        a3 = u.fma(x, a3);
        b3 = v.fma(x, b3);
        c = c.lanewise(VectorOperators.LSHR, 8);
        d = d.lanewise(VectorOperators.LSHR, 8);
      }
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
