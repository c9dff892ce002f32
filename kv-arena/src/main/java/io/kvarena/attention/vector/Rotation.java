package io.kvarena.attention.vector;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;

/**
 * The stages of the Hadamard transform, with the sums and differences of {@code Hadamard} and so
 * with its bits. Stages of channels that lie a multiple of a vector apart are sums of vectors;
 * within a vector the partner of each lane is fetched from the other side.
 */
final class Rotation {

  private static final VectorShuffle<Float> SWAP_1 = swap(1);
  private static final VectorShuffle<Float> SWAP_2 = swap(2);
  private static final VectorShuffle<Float> SWAP_4 = swap(4);
  private static final VectorShuffle<Float> SWAP_8 = swap(8);
  private static final IntVector SIGNS_1 = signs(1);
  private static final IntVector SIGNS_2 = signs(2);
  private static final IntVector SIGNS_4 = signs(4);
  private static final IntVector SIGNS_8 = signs(8);

  private Rotation() {}

  private static VectorShuffle<Float> swap(int h) {
    return VectorShuffle.fromOp(Lanes.FLOATS, lane -> (lane ^ h) % Lanes.COUNT);
  }

  /** The sign bit where a lane is the second of its pair. */
  private static IntVector signs(int h) {
    int[] signs = new int[Lanes.COUNT];
    for (int lane = 0; lane < Lanes.COUNT; lane++) {
      signs[lane] = (lane & h) == 0 ? 0 : Integer.MIN_VALUE;
    }
    return IntVector.fromArray(Lanes.INTS, signs, 0);
  }

  /** Sets to[i] to what channel i is multiplied by after the stages; 1 behind the last. */
  static void scales(int channels, float[] to) {
    Arrays.fill(to, 1);
    for (int at = 0; at < channels; ) {
      int block = Integer.highestOneBit(channels - at);
      Arrays.fill(to, at, at + block, (float) (1 / Math.sqrt(block)));
      at += block;
    }
  }

  /** Rotates f32 [channel][stride], each lane for itself. */
  static void elements(float[] x, int channels, int stride) {
    for (int at = 0; at < channels; ) {
      int block = Integer.highestOneBit(channels - at);
      int from = at * stride;
      int size = block * stride;
      int radix;
      for (int h = stride; h < size; h *= radix) {
        radix = radix(h, size);
        // The longer loop is the inner one.
        if (h / Lanes.COUNT < size / (radix * h)) {
          for (int i = from; i < from + h; i += Lanes.COUNT) {
            stages(radix, x, i, from + size, radix * h, h);
          }
        } else {
          for (int i = from; i < from + size; i += radix * h) {
            stages(radix, x, i, i + h, Lanes.COUNT, h);
          }
        }
      }
      at += block;
    }
  }

  /** Rotates f32 [row][stride], each row for itself. */
  static void rows(float[] x, int rows, int channels, int stride) {
    int whole = channels - channels % Lanes.COUNT;
    for (int row = 0; row < rows; row++) {
      inVectors(x, row * stride, row * stride + whole);
    }
    for (int at = 0; at < channels; ) {
      int block = Integer.highestOneBit(channels - at);
      if (block < Lanes.COUNT) {
        for (int row = 0; row < rows; row++) {
          plainStages(x, row * stride + at, block);
        }
      }
      int radix;
      for (int h = Lanes.COUNT; h < block; h *= radix) {
        radix = radix(h, block);
        for (int start = at; start < at + block; start += radix * h) {
          for (int i = start; i < start + h; i += Lanes.COUNT) {
            stages(radix, x, i, rows * stride, stride, h);
          }
        }
      }
      at += block;
    }
  }

  /** How many channels go through the stages from h on at once. */
  private static int radix(int h, int size) {
    return 8 * h <= size ? 8 : 4 * h <= size ? 4 : 2;
  }

  /**
   * The stages h, 2h, … of {@code radix} vectors h apart.
   *
   * @param first where the first of the first such vectors starts
   * @param to where the first of all vectors end
   * @param step how far the first of the next lies from the first of these
   */
  private static void stages(int radix, float[] x, int first, int to, int step, int h) {
    if (radix == 8) {
      threeStages(x, first, to, step, h);
    } else if (radix == 4) {
      twoStages(x, first, to, step, h);
    } else {
      oneStage(x, first, to, step, h);
    }
  }

  private static void threeStages(float[] x, int first, int to, int step, int h) {
    for (int i = first; i < to; i += step) {
      FloatVector a = FloatVector.fromArray(Lanes.FLOATS, x, i);
      FloatVector b = FloatVector.fromArray(Lanes.FLOATS, x, i + h);
      FloatVector c = FloatVector.fromArray(Lanes.FLOATS, x, i + 2 * h);
      FloatVector d = FloatVector.fromArray(Lanes.FLOATS, x, i + 3 * h);
      FloatVector ab = a.add(b);
      FloatVector cd = c.add(d);
      b = a.sub(b);
      d = c.sub(d);
      a = ab.add(cd);
      c = ab.sub(cd);
      FloatVector bd = b.add(d);
      d = b.sub(d);
      FloatVector p = FloatVector.fromArray(Lanes.FLOATS, x, i + 4 * h);
      FloatVector q = FloatVector.fromArray(Lanes.FLOATS, x, i + 5 * h);
      FloatVector r = FloatVector.fromArray(Lanes.FLOATS, x, i + 6 * h);
      FloatVector s = FloatVector.fromArray(Lanes.FLOATS, x, i + 7 * h);
      FloatVector pq = p.add(q);
      FloatVector rs = r.add(s);
      q = p.sub(q);
      s = r.sub(s);
      p = pq.add(rs);
      r = pq.sub(rs);
      FloatVector qs = q.add(s);
      s = q.sub(s);
      a.add(p).intoArray(x, i);
      bd.add(qs).intoArray(x, i + h);
      c.add(r).intoArray(x, i + 2 * h);
      d.add(s).intoArray(x, i + 3 * h);
      a.sub(p).intoArray(x, i + 4 * h);
      bd.sub(qs).intoArray(x, i + 5 * h);
      c.sub(r).intoArray(x, i + 6 * h);
      d.sub(s).intoArray(x, i + 7 * h);
    }
  }

  private static void twoStages(float[] x, int first, int to, int step, int h) {
    for (int i = first; i < to; i += step) {
      FloatVector a = FloatVector.fromArray(Lanes.FLOATS, x, i);
      FloatVector b = FloatVector.fromArray(Lanes.FLOATS, x, i + h);
      FloatVector c = FloatVector.fromArray(Lanes.FLOATS, x, i + 2 * h);
      FloatVector d = FloatVector.fromArray(Lanes.FLOATS, x, i + 3 * h);
      FloatVector ab = a.add(b);
      FloatVector cd = c.add(d);
      b = a.sub(b);
      d = c.sub(d);
      ab.add(cd).intoArray(x, i);
      b.add(d).intoArray(x, i + h);
      ab.sub(cd).intoArray(x, i + 2 * h);
      b.sub(d).intoArray(x, i + 3 * h);
    }
  }

  private static void oneStage(float[] x, int first, int to, int step, int h) {
    for (int i = first; i < to; i += step) {
      FloatVector a = FloatVector.fromArray(Lanes.FLOATS, x, i);
      FloatVector b = FloatVector.fromArray(Lanes.FLOATS, x, i + h);
      a.add(b).intoArray(x, i);
      a.sub(b).intoArray(x, i + h);
    }
  }

  /** The stages up to half a vector. */
  private static void inVectors(float[] x, int from, int to) {
    for (int i = from; i < to; i += Lanes.COUNT) {
      FloatVector v = FloatVector.fromArray(Lanes.FLOATS, x, i);
      v = stage(v, SWAP_1, SIGNS_1);
      v = stage(v, SWAP_2, SIGNS_2);
      if (Lanes.COUNT > 4) {
        v = stage(v, SWAP_4, SIGNS_4);
      }
      if (Lanes.COUNT > 8) {
        v = stage(v, SWAP_8, SIGNS_8);
      }
      v.intoArray(x, i);
    }
  }

  /** a + b in the first lane of a pair, in the second a − b, which is a + (−b) to the bit. */
  private static FloatVector stage(FloatVector v, VectorShuffle<Float> swap, IntVector signs) {
    return v.rearrange(swap)
        .add(v.reinterpretAsInts().lanewise(VectorOperators.XOR, signs).reinterpretAsFloats());
  }

  /** All stages of a block smaller than a vector. */
  private static void plainStages(float[] x, int from, int block) {
    for (int h = 1; h < block; h *= 2) {
      for (int i = 0; i < block; i++) {
        if ((i & h) == 0) {
          float a = x[from + i];
          float b = x[from + i + h];
          x[from + i] = a + b;
          x[from + i + h] = a - b;
        }
      }
    }
  }
}
