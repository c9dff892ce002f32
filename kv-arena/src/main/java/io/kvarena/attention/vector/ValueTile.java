package io.kvarena.attention.vector;

import io.kvarena.format.Formats;
import io.kvarena.format.PageFormat;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** Reads the values tiles of one format: a lane is a channel, a token's weight is broadcast. */
interface ValueTile {

  /**
   * Writes the sums of a tile's values times the block's weights to the block's sums, as many
   * channels from the first on as can be read in whole vectors without leaving the tile.
   *
   * @param slab memory that holds the tile
   * @param tile where it starts
   * @param tokens tokens of the tile
   * @param channels channels of a value
   * @return the channels that are done
   */
  int sum(MemorySegment slab, long tile, int tokens, int channels, Block block);

  /** One value of a tile, decoded. */
  float value(MemorySegment slab, long tile, int tokens, int channels, int token, int channel);

  /** Writes the sums of the channels from {@code from} on, one by one. */
  default void sumRest(
      MemorySegment slab, long tile, int tokens, int channels, int from, Block block) {
    for (int channel = from; channel < channels; channel++) {
      for (int row = 0; row < block.rows; row++) {
        float sum = 0;
        for (int token = 0; token < tokens; token++) {
          float weight = block.weights[row * Block.STRIDE + token];
          sum += weight * value(slab, tile, tokens, channels, token, channel);
        }
        block.sums[row * block.sumStride + channel] = sum;
      }
    }
  }

  /** The reader of a format, or null if there is none. */
  static @Nullable ValueTile of(PageFormat format) {
    if (format == Formats.F32) {
      return F32Values.INSTANCE;
    }
    if (format == Formats.F16) {
      return F16Values.INSTANCE;
    }
    if (format == Formats.BF16) {
      return Bf16Values.INSTANCE;
    }
    if (format == Formats.Q8_0) {
      return Q8Values.INSTANCE;
    }
    return format == Formats.Q4_0 ? Q4Values.INSTANCE : null;
  }
}
