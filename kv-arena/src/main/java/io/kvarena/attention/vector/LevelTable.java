package io.kvarena.attention.vector;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/** The levels of a format, and the search for the one that is nearest to a number. */
final class LevelTable {

  private static final int CODES = 16;

  /** Standard deviations that a level of 1 stands for. */
  final float unit;

  private final float[] levels;

  /** Half way from a level to the next; NaN behind the last, which no number is at least. */
  private final float[] midpoints = new float[CODES];

  /** Where vectors are wide: the midpoint to ask next by how many were passed so far. */
  private final IntVector by4;

  private final IntVector by2;
  private final IntVector by1;
  private final IntVector bits;

  /**
   * @param largest standard deviations that the largest level stands for
   */
  LevelTable(float largest, float... levels) {
    this.levels = levels;
    unit = largest / levels[levels.length - 1];
    Arrays.fill(midpoints, Float.NaN);
    for (int i = 0; i + 1 < levels.length; i++) {
      midpoints[i] = (levels[i] + levels[i + 1]) / 2;
    }
    by4 = Levels.table(from(3));
    by2 = Levels.table(from(1));
    by1 = Levels.table(from(0));
    bits = Levels.table(levels);
  }

  private float[] from(int first) {
    return Arrays.copyOfRange(midpoints, first, first + CODES);
  }

  /** How many midpoints are at most x. */
  IntVector nearest(FloatVector x) {
    return Levels.WIDE ? nearestByHalves(x) : nearestOfAll(x);
  }

  private IntVector nearestByHalves(FloatVector x) {
    IntVector at = IntVector.zero(Lanes.INTS);
    at = at.add(8, x.compare(VectorOperators.GE, midpoints[7]).cast(Lanes.INTS));
    at = passed(x, at, by4, 4);
    at = passed(x, at, by2, 2);
    return passed(x, at, by1, 1);
  }

  private static IntVector passed(FloatVector x, IntVector at, IntVector table, int step) {
    return at.add(
        step,
        x.compare(VectorOperators.GE, at.selectFrom(table).reinterpretAsFloats()).cast(Lanes.INTS));
  }

  private IntVector nearestOfAll(FloatVector x) {
    IntVector at = IntVector.zero(Lanes.INTS);
    for (int i = 0; i + 1 < levels.length; i++) {
      at = at.add(1, x.compare(VectorOperators.GE, midpoints[i]).cast(Lanes.INTS));
    }
    return at;
  }

  /** The levels of codes. */
  FloatVector levels(IntVector codes) {
    return Levels.WIDE
        ? codes.selectFrom(bits).reinterpretAsFloats()
        : Levels.select(codes, levels);
  }
}
