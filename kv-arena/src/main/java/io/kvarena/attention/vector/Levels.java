package io.kvarena.attention.vector;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/** Tables of what codes of up to four bits stand for. */
final class Levels {

  private static final int COUNT_MAX = 16;

  /** Whether a vector holds a whole table. */
  static final boolean WIDE = Lanes.COUNT >= COUNT_MAX;

  private Levels() {}

  /** The bits of the levels in a vector; nothing of use where vectors are not wide. */
  static IntVector table(float[] levels) {
    int[] bits = new int[Math.max(COUNT_MAX, Lanes.COUNT)];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = Float.floatToRawIntBits(levels[i % levels.length]);
    }
    return IntVector.fromArray(Lanes.INTS, bits, 0);
  }

  /** The levels that the lowest bytes of {@code codes} number, where vectors are not wide. */
  static FloatVector select(IntVector codes, float[] levels) {
    IntVector numbers = codes.and(0xff);
    FloatVector selected = FloatVector.broadcast(Lanes.FLOATS, levels[0]);
    for (int i = 1; i < levels.length; i++) {
      selected =
          selected.blend(levels[i], numbers.compare(VectorOperators.EQ, i).cast(Lanes.FLOATS));
    }
    return selected;
  }
}
