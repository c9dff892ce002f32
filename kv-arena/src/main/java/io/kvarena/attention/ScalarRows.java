package io.kvarena.attention;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import io.kvarena.LayerShape;
import io.kvarena.format.PageFormat;
import io.kvarena.format.PageLayout;
import io.kvarena.format.RawFormat;
import io.kvarena.format.TileKind;
import io.kvarena.transform.TransformInstance;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** Rows in plain Java: the specification. */
public final class ScalarRows implements RowKernel {

  private static final int CHUNK = 4096;

  private float[] rows = {};

  /** A kernel with scratch of its own. */
  public ScalarRows() {}

  private float[] scratch(int floats) {
    if (rows.length < floats) {
      rows = new float[floats];
    }
    return rows;
  }

  @Override
  public boolean isGood(MemorySegment numbers, long count, float largest) {
    float[] chunk = scratch(CHUNK);
    boolean good = true;
    for (long from = 0; from < count; from += CHUNK) {
      int length = (int) Math.min(CHUNK, count - from);
      MemorySegment.copy(numbers, JAVA_FLOAT_UNALIGNED, 4 * from, chunk, 0, length);
      // Without a branch on each value; a NaN is not at most anything.
      for (int i = 0; i < length; i++) {
        good &= Math.abs(chunk[i]) <= largest;
      }
    }
    return good;
  }

  @Override
  public void put(
      PageLayout layout,
      MemorySegment slab,
      long offset,
      int slot,
      int tokens,
      MemorySegment keys,
      long keysOffset,
      MemorySegment values,
      long valuesOffset) {
    LayerShape layer = layout.layer();
    for (int token = 0; token < tokens; token++) {
      for (int head = 0; head < layout.heads(); head++) {
        put(
            TileKind.KEYS,
            layout.keys().raw(),
            keys,
            keysOffset + 4L * (token * layer.kvHeads() + head) * layer.keyDim(),
            slot + token,
            layer.keyDim(),
            slab,
            offset + layout.keyTileOffset(head));
        put(
            TileKind.VALUES,
            layout.values().raw(),
            values,
            valuesOffset + 4L * (token * layer.kvHeads() + head) * layer.valueDim(),
            slot + token,
            layer.valueDim(),
            slab,
            offset + layout.valueTileOffset(head));
      }
    }
  }

  private void put(
      TileKind kind,
      RawFormat format,
      MemorySegment from,
      long fromOffset,
      int slot,
      int channels,
      MemorySegment slab,
      long tile) {
    float[] row = scratch(channels);
    MemorySegment.copy(from, JAVA_FLOAT_UNALIGNED, fromOffset, row, 0, channels);
    format.putRow(kind, row, 0, slot, RawTile.GRANULE, channels, slab, tile);
  }

  @Override
  public void seal(
      RawTile raw,
      PageFormat format,
      @Nullable TransformInstance transform,
      MemorySegment page,
      long offset) {
    int channels = raw.channels();
    float[] tile = scratch(raw.tokens() * channels);
    raw.decode(tile);
    if (transform != null) {
      for (long left = raw.live(); left != 0; left &= left - 1) {
        int slot = Long.numberOfTrailingZeros(left);
        transform.encode(tile, slot * channels, format.magnitudeMax());
      }
    }
    format.encode(raw.kind(), tile, raw.tokens(), channels, page, offset);
  }

  @Override
  public void query(TransformInstance by, MemorySegment queries, long offset, int rows) {
    int channels = by.channels();
    float[] all = scratch(rows * channels);
    MemorySegment.copy(queries, JAVA_FLOAT_UNALIGNED, offset, all, 0, rows * channels);
    for (int row = 0; row < rows; row++) {
      by.query(all, row * channels);
    }
    MemorySegment.copy(all, 0, queries, JAVA_FLOAT_UNALIGNED, offset, rows * channels);
  }

  @Override
  public void back(TransformInstance by, MemorySegment sums, long offset, int rows) {
    int channels = by.channels();
    float[] all = scratch(rows * channels);
    MemorySegment.copy(sums, JAVA_FLOAT_UNALIGNED, offset, all, 0, rows * channels);
    for (int row = 0; row < rows; row++) {
      by.back(all, row * channels);
    }
    MemorySegment.copy(all, 0, sums, JAVA_FLOAT_UNALIGNED, offset, rows * channels);
  }
}
