package io.kvarena.attention.vector;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import io.kvarena.attention.RawTile;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.VectorOperators;

/** Writes f16 rows into the tiles of a granule. */
final class GranuleWriter {

  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final int PAIRS = RawTile.GRANULE / 2;

  /** Two neighbouring tokens in each int, [pair][channels]. */
  private int[] pairs = {};

  /**
   * Writes keys of every slot, f16 [channel][slot].
   *
   * @param stride bytes from a token's row to the next one's
   */
  void allKeys(
      MemorySegment from, long at, long stride, int channels, MemorySegment slab, long tile) {
    if (pairs.length < PAIRS * channels) {
      pairs = new int[PAIRS * channels];
    }
    int whole = channels - channels % Lanes.COUNT;
    for (int pair = 0; pair < PAIRS; pair++) {
      long row = at + 2L * pair * stride;
      pair(from, row, row + stride, whole, pairs, pair * channels);
    }
    interleave(pairs, channels, whole, slab, tile);
    for (int slot = 0; slot < RawTile.GRANULE; slot++) {
      keys(from, at + slot * stride, whole, channels, slot, slab, tile);
    }
  }

  private static void pair(
      MemorySegment from, long even, long odd, int count, int[] pairs, int start) {
    for (int i = 0; i < count; i += Lanes.COUNT) {
      Lanes.halfBits(Lanes.floats(from, odd + 4L * i))
          .lanewise(VectorOperators.LSHL, 16)
          .or(Lanes.halfBits(Lanes.floats(from, even + 4L * i)))
          .intoArray(pairs, start + i);
    }
  }

  private static void interleave(
      int[] pairs, int channels, int count, MemorySegment slab, long tile) {
    for (int i = 0; i < count; i++) {
      long low = (pairs[i] & 0xffff_ffffL) | ((long) pairs[channels + i] << 32);
      long high = (pairs[2 * channels + i] & 0xffff_ffffL) | ((long) pairs[3 * channels + i] << 32);
      slab.set(LONG, tile + 16L * i, low);
      slab.set(LONG, tile + 16L * i + 8, high);
    }
  }

  /** Writes channels {@code first} to {@code channels} of one token's keys. */
  static void keys(
      MemorySegment from,
      long at,
      int first,
      int channels,
      int slot,
      MemorySegment slab,
      long tile) {
    for (int i = first; i < channels; i++) {
      float key = from.get(JAVA_FLOAT_UNALIGNED, at + 4L * i);
      slab.set(
          JAVA_SHORT_UNALIGNED,
          tile + 2L * (RawTile.GRANULE * i + slot),
          Float.floatToFloat16(key));
    }
  }

  /** Writes one token's values, f16 [slot][channel]. */
  static void values(
      MemorySegment from, long at, int channels, int slot, MemorySegment slab, long tile) {
    long to = tile + 2L * slot * channels;
    int whole = channels - channels % Lanes.COUNT;
    for (int i = 0; i < whole; i += Lanes.COUNT) {
      Lanes.lowerHalves(Lanes.halfBits(Lanes.floats(from, at + 4L * i)))
          .intoMemorySegment(slab, to + 2L * i, ByteOrder.nativeOrder());
    }
    for (int i = whole; i < channels; i++) {
      float value = from.get(JAVA_FLOAT_UNALIGNED, at + 4L * i);
      slab.set(JAVA_SHORT_UNALIGNED, to + 2L * i, Float.floatToFloat16(value));
    }
  }
}
