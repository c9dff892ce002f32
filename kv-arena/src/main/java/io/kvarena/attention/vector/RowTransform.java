package io.kvarena.attention.vector;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import io.kvarena.transform.TransformInstance;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/**
 * A transform as it is applied to many rows: subtract, multiply, rotate, multiply. What a transform
 * lacks is a 0 or a 1 here, which rounds nothing.
 */
final class RowTransform {

  private float[] mean = {};
  private float[] before = {};
  private float[] after = {};
  private int channels;
  private boolean rotated;

  /** Takes over what {@code by} does to rows that are encoded. */
  void ofRows(TransformInstance by) {
    start(by);
    fill(mean, by.mean(), 0);
    fill(before, by.factors(), 1);
  }

  /** Takes over what {@code by} does to queries. */
  void ofQueries(TransformInstance by) {
    start(by);
    fill(mean, MemorySegment.NULL, 0);
    fill(before, by.queryFactors(), 1);
  }

  private void start(TransformInstance by) {
    int length = Lanes.roundUp(by.channels(), Lanes.COUNT);
    if (after.length < length) {
      mean = new float[length];
      before = new float[length];
      after = new float[length];
      channels = 0;
    }
    if (channels != by.channels() || rotated != by.isRotated()) {
      channels = by.channels();
      rotated = by.isRotated();
      Rotation.scales(rotated ? channels : 0, after);
    }
  }

  private void fill(float[] to, MemorySegment from, float otherwise) {
    Arrays.fill(to, otherwise);
    if (from.byteSize() > 0) {
      MemorySegment.copy(from, JAVA_FLOAT_UNALIGNED, 0, to, 0, channels);
    }
  }

  /** Transforms keys, whose elements are channels, and clamps them to ±largest. */
  void keys(TileNumbers keys, float largest) {
    int stride = keys.stride;
    for (int lane = 0; lane < stride; lane += Lanes.COUNT) {
      shiftDown(keys.of, lane, channels, stride, mean, before);
    }
    if (rotated) {
      Rotation.elements(keys.of, channels, stride);
    }
    for (int lane = 0; lane < stride; lane += Lanes.COUNT) {
      multiplyDown(keys.of, lane, channels, stride, after);
    }
    clamp(keys.of, channels * stride, largest);
  }

  /** Transforms values, whose lanes are channels, and clamps them to ±largest. */
  void values(TileNumbers values, float largest) {
    rows(values);
    clamp(values.of, values.elements * values.stride, largest);
  }

  /** Transforms rows, whose lanes are channels. */
  void rows(TileNumbers rows) {
    for (int lane = 0; lane < rows.stride; lane += Lanes.COUNT) {
      shiftAlong(rows.of, lane, rows.elements, rows.stride, mean, before);
    }
    if (rotated) {
      Rotation.rows(rows.of, rows.elements, channels, rows.stride);
      multiplyAlong(rows, after);
    }
  }

  /** Maps weighted sums of rotated rows back. */
  void back(TileNumbers rows) {
    Rotation.rows(rows.of, rows.elements, channels, rows.stride);
    multiplyAlong(rows, after);
    multiplyAlong(rows, before);
  }

  private static void multiplyAlong(TileNumbers rows, float[] factors) {
    for (int lane = 0; lane < rows.stride; lane += Lanes.COUNT) {
      multiplyAlong(rows.of, lane, rows.elements, rows.stride, factors);
    }
  }

  /*
   * Down and along, as in GroupNumbers: a vector of lanes of every element, with numbers that
   * belong to elements or to lanes.
   */

  private static void shiftDown(
      float[] x, int lane, int elements, int stride, float[] mean, float[] factors) {
    for (int i = 0; i < elements; i++) {
      int at = lane + i * stride;
      FloatVector.fromArray(Lanes.FLOATS, x, at).sub(mean[i]).mul(factors[i]).intoArray(x, at);
    }
  }

  private static void multiplyDown(float[] x, int lane, int elements, int stride, float[] factors) {
    for (int i = 0; i < elements; i++) {
      int at = lane + i * stride;
      FloatVector.fromArray(Lanes.FLOATS, x, at).mul(factors[i]).intoArray(x, at);
    }
  }

  private static void shiftAlong(
      float[] x, int lane, int elements, int stride, float[] mean, float[] factors) {
    FloatVector less = FloatVector.fromArray(Lanes.FLOATS, mean, lane);
    FloatVector factor = FloatVector.fromArray(Lanes.FLOATS, factors, lane);
    for (int i = 0; i < elements; i++) {
      int at = lane + i * stride;
      FloatVector.fromArray(Lanes.FLOATS, x, at).sub(less).mul(factor).intoArray(x, at);
    }
  }

  private static void multiplyAlong(
      float[] x, int lane, int elements, int stride, float[] factors) {
    FloatVector factor = FloatVector.fromArray(Lanes.FLOATS, factors, lane);
    for (int i = 0; i < elements; i++) {
      int at = lane + i * stride;
      FloatVector.fromArray(Lanes.FLOATS, x, at).mul(factor).intoArray(x, at);
    }
  }

  private static void clamp(float[] x, int count, float largest) {
    for (int i = 0; i < count; i += Lanes.COUNT) {
      FloatVector.fromArray(Lanes.FLOATS, x, i).min(largest).max(-largest).intoArray(x, i);
    }
  }
}
