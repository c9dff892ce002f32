package io.kvarena.attention.vector;

import io.kvarena.format.Formats;
import io.kvarena.format.PageFormat;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** Reads the keys tiles of one format: a lane is a token, a query's channel is broadcast. */
interface KeyTile {

  /**
   * Writes the dot products of the block's four queries with every token of a tile to the block's
   * weights. Lanes behind the last token get anything: their loads reach into the bytes that follow
   * the tile in its page.
   *
   * @param slab memory that holds the tile
   * @param tile where it starts
   * @param tokens tokens of the tile
   * @param channels channels of a key
   */
  void dot(MemorySegment slab, long tile, int tokens, int channels, Block block);

  /** The reader of a format, or null if there is none. */
  static @Nullable KeyTile of(PageFormat format) {
    if (format == Formats.F32) {
      return F32Keys.INSTANCE;
    }
    if (format == Formats.F16) {
      return F16Keys.INSTANCE;
    }
    if (format == Formats.BF16) {
      return Bf16Keys.INSTANCE;
    }
    if (format == Formats.Q8_0) {
      return Q8Keys.INSTANCE;
    }
    return format == Formats.Q4_0 ? Q4Keys.INSTANCE : null;
  }
}
