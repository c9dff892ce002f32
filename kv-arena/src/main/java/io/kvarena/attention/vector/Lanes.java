package io.kvarena.attention.vector;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/** The vector shapes of this machine and the loads that decode into them. */
final class Lanes {

  /** Floats: the machine's widest up to 512 bits, the width up to which tiles are laid out. */
  static final VectorSpecies<Float> FLOATS =
      FloatVector.SPECIES_PREFERRED.vectorBitSize() > 512
          ? FloatVector.SPECIES_512
          : FloatVector.SPECIES_PREFERRED;

  /** Ints, as many as floats. */
  static final VectorSpecies<Integer> INTS = VectorSpecies.of(int.class, FLOATS.vectorShape());

  /** Shorts, as many as floats. */
  static final VectorSpecies<Short> SHORTS =
      VectorSpecies.of(
          short.class, VectorShape.forBitSize(Math.max(64, FLOATS.vectorBitSize() / 2)));

  /** Lanes of a vector, a power of two from 2 to 16. */
  static final int COUNT = FLOATS.length();

  /** Lanes of the two vectors that go through a tile side by side, at most 32. */
  static final int PAIR = 2 * COUNT;

  /** What {@link #halves} leaves out: f16 exponents are biased by 15, f32 exponents by 127. */
  static final float HALF_SCALE = 0x1p112f;

  /** By how far f16 bits go up to where f32 has them. */
  static final int HALF_SHIFT = 13;

  /** Those of them that are left there. */
  static final int HALF_BITS = 0x8fffe000;

  private Lanes() {}

  static int roundUp(int value, int multiple) {
    return (value + multiple - 1) / multiple * multiple;
  }

  /** Pairs of vectors that {@code count} values fill. */
  static int pairs(int count) {
    return (count + PAIR - 1) / PAIR;
  }

  /** Floats. */
  static FloatVector floats(MemorySegment memory, long at) {
    return FloatVector.fromMemorySegment(FLOATS, memory, at, ByteOrder.nativeOrder());
  }

  /** Sixteen-bit values, sign-extended. */
  private static IntVector shorts(MemorySegment memory, long at) {
    return ShortVector.fromMemorySegment(SHORTS, memory, at, ByteOrder.nativeOrder())
        .convertShape(VectorOperators.S2I, INTS, 0)
        .reinterpretAsInts();
  }

  /**
   * Finite f16 values divided by {@link #HALF_SCALE}: their bits moved to where f32 has them.
   * Exact, subnormals included, since an f32 exponent of zero means the same as an f16 one.
   */
  static FloatVector halves(MemorySegment memory, long at) {
    return shorts(memory, at)
        .lanewise(VectorOperators.LSHL, HALF_SHIFT)
        .lanewise(VectorOperators.AND, HALF_BITS)
        .reinterpretAsFloats();
  }

  /** bf16 values: the upper halves of f32. */
  static FloatVector upperHalves(MemorySegment memory, long at) {
    return shorts(memory, at).lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
  }
}
