package io.kvarena.attention.vector;

import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.kvarena.format.Bfloat16;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

/** Decoding loads against scalar decoding, over every value there is. */
class LanesTest {

  private static final int VALUES = 1 << 16;

  @Test
  void halves_ofEveryFiniteValue_areExact() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment all = allShorts(arena);
      float[] decoded = new float[Lanes.COUNT];
      for (int i = 0; i < VALUES; i += Lanes.COUNT) {
        Lanes.halves(all, 2L * i).mul(Lanes.HALF_SCALE).intoArray(decoded, 0);
        for (int lane = 0; lane < Lanes.COUNT; lane++) {
          float exact = Float.float16ToFloat((short) (i + lane));
          if (Float.isFinite(exact)) {
            assertBits(exact, decoded[lane]);
          }
        }
      }
    }
  }

  @Test
  void upperHalves_ofEveryValue_areExact() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment all = allShorts(arena);
      float[] decoded = new float[Lanes.COUNT];
      for (int i = 0; i < VALUES; i += Lanes.COUNT) {
        Lanes.upperHalves(all, 2L * i).intoArray(decoded, 0);
        for (int lane = 0; lane < Lanes.COUNT; lane++) {
          float exact = Bfloat16.fromBits((short) (i + lane));
          if (Float.isFinite(exact)) {
            assertBits(exact, decoded[lane]);
          }
        }
      }
    }
  }

  private static MemorySegment allShorts(Arena arena) {
    MemorySegment all = arena.allocate(2 * VALUES, 64);
    for (int i = 0; i < VALUES; i++) {
      all.setAtIndex(JAVA_SHORT, i, (short) i);
    }
    return all;
  }

  private static void assertBits(float expected, float actual) {
    assertEquals(Float.floatToRawIntBits(expected), Float.floatToRawIntBits(actual));
  }
}
