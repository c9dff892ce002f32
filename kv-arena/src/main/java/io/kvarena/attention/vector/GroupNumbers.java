package io.kvarena.attention.vector;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * The scales of a tile's groups, and minima where the format has them, [group][width]: a group is
 * some lanes of one element or some elements of one lane, and what its numbers are numbered by, its
 * element or its lane, runs along.
 *
 * <p>First the groups' extremes are found, from them follow the scales, and then the tile is turned
 * into steps: what codes are rounded from.
 */
final class GroupNumbers {

  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private int groups;
  private int count;
  private int width;

  /** Of a group, the first number of largest magnitude; or the lowest number. */
  private float[] extreme = {};

  private float[] highest = {};

  /** The same of every so many lanes of the elements of a group, [element][lane of a vector]. */
  private float[] lowLanes = {};

  private float[] highLanes = {};

  private float[] inverse = {};

  /** The f16 bits that are stored. */
  private short[] scales = {};

  private short[] minima = {};

  private void start(int groups, int count) {
    this.groups = groups;
    this.count = count;
    width = Lanes.roundUp(count, Lanes.COUNT);
    if (extreme.length < groups * width) {
      extreme = new float[groups * width];
      highest = new float[groups * width];
      inverse = new float[groups * width];
      scales = new short[groups * width];
      minima = new short[groups * width];
    }
    if (lowLanes.length < count * Lanes.COUNT) {
      lowLanes = new float[count * Lanes.COUNT];
      highLanes = new float[count * Lanes.COUNT];
    }
  }

  /** Groups of {@code size} elements, down each lane. */
  void largestDown(TileNumbers tile, int size) {
    start((tile.elements + size - 1) / size, tile.lanes);
    for (int group = 0; group < groups; group++) {
      int from = group * size * tile.stride;
      int to = Math.min(tile.elements, (group + 1) * size) * tile.stride;
      for (int lane = 0; lane < tile.stride; lane += Lanes.COUNT) {
        largestDown(tile.of, from + lane, to, tile.stride).intoArray(extreme, group * width + lane);
      }
    }
  }

  private static FloatVector largestDown(float[] x, int from, int to, int stride) {
    IntVector largest = IntVector.zero(Lanes.INTS);
    FloatVector signed = FloatVector.zero(Lanes.FLOATS);
    for (int at = from; at < to; at += stride) {
      FloatVector v = FloatVector.fromArray(Lanes.FLOATS, x, at);
      // Magnitudes are ordered as their bits are.
      IntVector size = v.reinterpretAsInts().and(Integer.MAX_VALUE);
      signed = signed.blend(v, size.compare(VectorOperators.GT, largest).cast(Lanes.FLOATS));
      largest = largest.max(size);
    }
    return signed;
  }

  /** Groups of {@code size} lanes, a multiple of a vector, of each element. */
  void largestAlong(TileNumbers tile, int size) {
    start((tile.lanes + size - 1) / size, tile.elements);
    for (int group = 0; group < groups; group++) {
      int from = group * size;
      int to = Math.min(tile.stride, from + size);
      copyLanes(tile.of, from, tile.stride, lowLanes, count);
      for (int lane = from + Lanes.COUNT; lane < to; lane += Lanes.COUNT) {
        largerLanes(tile.of, lane, tile.stride, lowLanes, count);
      }
      for (int element = 0; element < count; element++) {
        int at = element * tile.stride;
        extreme[group * width + element] =
            largestOf(lowLanes, element * Lanes.COUNT, tile.of, at + from, at + to);
      }
    }
  }

  private static void copyLanes(float[] x, int from, int stride, float[] to, int count) {
    for (int i = 0; i < count; i++) {
      FloatVector.fromArray(Lanes.FLOATS, x, from + i * stride).intoArray(to, i * Lanes.COUNT);
    }
  }

  /** Puts numbers in the place of those of smaller magnitude. */
  private static void largerLanes(float[] x, int from, int stride, float[] to, int count) {
    for (int i = 0; i < count; i++) {
      FloatVector so = FloatVector.fromArray(Lanes.FLOATS, to, i * Lanes.COUNT);
      FloatVector v = FloatVector.fromArray(Lanes.FLOATS, x, from + i * stride);
      so.blend(v, v.abs().compare(VectorOperators.GT, so.abs())).intoArray(to, i * Lanes.COUNT);
    }
  }

  /** The first of largest magnitude of x[from .. to), whose largest in each lane are given. */
  private static float largestOf(float[] largest, int at, float[] x, int from, int to) {
    // Magnitudes are ordered as their bits are.
    IntVector sizes =
        FloatVector.fromArray(Lanes.FLOATS, largest, at).reinterpretAsInts().and(Integer.MAX_VALUE);
    int size = sizes.reduceLanes(VectorOperators.MAX);
    long found = sizes.compare(VectorOperators.EQ, size).toLong();
    if ((found & found - 1) == 0) {
      return largest[at + Long.numberOfTrailingZeros(found)];
    }
    return size == 0 ? 0 : first(x, from, to, Float.intBitsToFloat(size));
  }

  private static float first(float[] x, int from, int to, float magnitude) {
    for (int i = from; i < to; i++) {
      if (Math.abs(x[i]) == magnitude) {
        return x[i];
      }
    }
    throw new AssertionError("a group lacks its largest magnitude: magnitude=" + magnitude);
  }

  /**
   * Scales are the largest numbers over {@code divisor}.
   *
   * @param signed whether they keep their sign
   */
  void scaleByLargest(float divisor, boolean signed) {
    int kept = signed ? -1 : Integer.MAX_VALUE;
    for (int i = 0; i < groups * width; i += Lanes.COUNT) {
      FloatVector scale =
          FloatVector.fromArray(Lanes.FLOATS, extreme, i)
              .div(divisor)
              .reinterpretAsInts()
              .and(kept)
              .reinterpretAsFloats();
      scale.intoArray(extreme, i);
      invert(scale).intoArray(inverse, i);
    }
    Halves.store(extreme, scales, groups * width);
  }

  /** 1 / x, or 0 where x is 0. */
  private static FloatVector invert(FloatVector x) {
    return FloatVector.broadcast(Lanes.FLOATS, 1).div(x).blend(0, x.compare(VectorOperators.EQ, 0));
  }

  /** The lowest and the highest number of groups of {@code size} lanes of each element. */
  void rangesAlong(TileNumbers tile, int size) {
    start((tile.lanes + size - 1) / size, tile.elements);
    for (int group = 0; group < groups; group++) {
      int from = group * size;
      int to = Math.min(tile.stride, from + size);
      copyLanes(tile.of, from, tile.stride, lowLanes, count);
      copyLanes(tile.of, from, tile.stride, highLanes, count);
      for (int lane = from + Lanes.COUNT; lane < to; lane += Lanes.COUNT) {
        widenLanes(tile.of, lane, tile.stride, lowLanes, highLanes, count);
      }
      for (int element = 0; element < count; element++) {
        int at = element * Lanes.COUNT;
        extreme[group * width + element] =
            number(ordered(lowLanes, at).reduceLanes(VectorOperators.MIN));
        highest[group * width + element] =
            number(ordered(highLanes, at).reduceLanes(VectorOperators.MAX));
      }
    }
  }

  private static void widenLanes(
      float[] x, int from, int stride, float[] low, float[] high, int count) {
    for (int i = 0; i < count; i++) {
      FloatVector v = FloatVector.fromArray(Lanes.FLOATS, x, from + i * stride);
      FloatVector lowest = FloatVector.fromArray(Lanes.FLOATS, low, i * Lanes.COUNT);
      FloatVector most = FloatVector.fromArray(Lanes.FLOATS, high, i * Lanes.COUNT);
      lowest.blend(v, v.compare(VectorOperators.LT, lowest)).intoArray(low, i * Lanes.COUNT);
      most.blend(v, v.compare(VectorOperators.GT, most)).intoArray(high, i * Lanes.COUNT);
    }
  }

  /** Bits in the order of the numbers: of negative ones a larger magnitude comes first. */
  private static IntVector ordered(float[] x, int at) {
    IntVector bits = FloatVector.fromArray(Lanes.FLOATS, x, at).reinterpretAsInts();
    return bits.lanewise(VectorOperators.ASHR, 31)
        .and(Integer.MAX_VALUE)
        .lanewise(VectorOperators.XOR, bits);
  }

  private static float number(int ordered) {
    return Float.intBitsToFloat(ordered ^ ((ordered >> 31) & Integer.MAX_VALUE));
  }

  /** Scales are ranges over {@code codeMax}; they and the minima count as they are stored. */
  void scaleByRange(float codeMax) {
    int all = groups * width;
    for (int i = 0; i < all; i += Lanes.COUNT) {
      FloatVector low = FloatVector.fromArray(Lanes.FLOATS, extreme, i);
      // A sum with 0 is never −0.
      FloatVector.fromArray(Lanes.FLOATS, highest, i)
          .sub(low)
          .add(0)
          .div(codeMax)
          .intoArray(highest, i);
      low.add(0).intoArray(extreme, i);
    }
    Halves.store(highest, scales, all);
    Halves.store(extreme, minima, all);
    Halves.load(scales, highest, all);
    Halves.load(minima, extreme, all);
    for (int i = 0; i < all; i += Lanes.COUNT) {
      invert(FloatVector.fromArray(Lanes.FLOATS, highest, i)).intoArray(inverse, i);
    }
  }

  /** Turns numbers x into x · inverse + bias, groups of {@code size} elements. */
  void stepDown(TileNumbers tile, int size, float bias) {
    for (int group = 0; group < groups; group++) {
      int from = group * size * tile.stride;
      int to = Math.min(tile.elements, (group + 1) * size) * tile.stride;
      for (int lane = 0; lane < tile.stride; lane += Lanes.COUNT) {
        stepDown(tile.of, from + lane, to, tile.stride, inverse, group * width + lane, bias);
      }
    }
  }

  private static void stepDown(
      float[] x, int from, int to, int stride, float[] inverse, int index, float bias) {
    FloatVector factor = FloatVector.fromArray(Lanes.FLOATS, inverse, index);
    for (int i = from; i < to; i += stride) {
      FloatVector.fromArray(Lanes.FLOATS, x, i).mul(factor).add(bias).intoArray(x, i);
    }
  }

  /** Turns numbers x into x · inverse + bias, groups of {@code size} lanes. */
  void stepAlong(TileNumbers tile, int size, float bias) {
    for (int lane = 0; lane < tile.stride; lane += Lanes.COUNT) {
      stepAlong(tile.of, lane, tile.stride, count, inverse, lane / size * width, bias);
    }
  }

  private static void stepAlong(
      float[] x, int from, int stride, int count, float[] inverse, int index, float bias) {
    for (int i = 0; i < count; i++) {
      int at = from + i * stride;
      FloatVector.fromArray(Lanes.FLOATS, x, at).mul(inverse[index + i]).add(bias).intoArray(x, at);
    }
  }

  /** Takes the minimum from each number, groups of {@code size} lanes. */
  void subtractMinima(TileNumbers tile, int size) {
    for (int lane = 0; lane < tile.stride; lane += Lanes.COUNT) {
      subtract(tile.of, lane, tile.stride, count, extreme, lane / size * width);
    }
  }

  private static void subtract(
      float[] x, int from, int stride, int count, float[] minima, int index) {
    for (int i = 0; i < count; i++) {
      int at = from + i * stride;
      FloatVector.fromArray(Lanes.FLOATS, x, at).sub(minima[index + i]).intoArray(x, at);
    }
  }

  /** Writes the scales, f16 [group][count]. */
  void writeScales(MemorySegment page, long at) {
    write(scales, page, at);
  }

  /** Writes the minima behind the scales that start at {@code at}. */
  void writeMinima(MemorySegment page, long at) {
    write(minima, page, at + 2L * groups * count);
  }

  private void write(short[] numbers, MemorySegment page, long at) {
    for (int group = 0; group < groups; group++) {
      MemorySegment.copy(numbers, group * width, page, SHORT, at + 2L * group * count, count);
    }
  }
}
