package io.kvarena.attention.vector;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

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

  static FloatVector zero() {
    return FloatVector.zero(FLOATS);
  }

  static FloatVector all(float value) {
    return FloatVector.broadcast(FLOATS, value);
  }

  /** Floats. */
  static FloatVector floats(MemorySegment memory, long at) {
    return FloatVector.fromMemorySegment(FLOATS, memory, at, ByteOrder.nativeOrder());
  }

  /** Ints whose first byte is the lowest eight bits. */
  static IntVector quads(MemorySegment memory, long at) {
    return IntVector.fromMemorySegment(INTS, memory, at, LITTLE_ENDIAN);
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

  /*
   * Codes are made the lowest bits of a float that is a power of two and something, of which the
   * power is then taken off: exact, and one operation less than moving, masking and converting.
   */

  /** The lowest bytes of ints as signed numbers. */
  static FloatVector lowByte(IntVector ints) {
    return ints.lanewise(VectorOperators.AND, 0xff)
        .lanewise(VectorOperators.XOR, 0x4b000080)
        .reinterpretAsFloats()
        .sub(0x1p23f + 128);
  }

  /** The second lowest bytes of ints as signed numbers. */
  static FloatVector nextByte(IntVector ints) {
    return ints.lanewise(VectorOperators.AND, 0xff00)
        .lanewise(VectorOperators.XOR, 0x47008000)
        .reinterpretAsFloats()
        .sub(0x1p15f + 128);
  }

  /** The lowest four bits of ints less 8. */
  static FloatVector lowNibble(IntVector ints) {
    return ints.lanewise(VectorOperators.AND, 15)
        .lanewise(VectorOperators.OR, 0x4b000000)
        .reinterpretAsFloats()
        .sub(0x1p23f + 8);
  }

  /** The next four bits of ints less 8. */
  static FloatVector nextNibble(IntVector ints) {
    return ints.lanewise(VectorOperators.AND, 0xf0)
        .lanewise(VectorOperators.OR, 0x49000000)
        .reinterpretAsFloats()
        .sub(0x1p19f + 8);
  }
}
