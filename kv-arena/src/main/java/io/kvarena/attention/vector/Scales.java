package io.kvarena.attention.vector;

import java.lang.foreign.MemorySegment;

/** Where the scales of a format lie and what they multiply; its codes are no matter of this. */
interface Scales {

  /** Decodes the scales of a tile of keys into the block, for {@link #dot}. */
  void loadKeys(Codes codes, MemorySegment slab, long tile, int tokens, int channels, Block block);

  /** Decodes the scales of a tile of values into the block, for {@link #sum}. */
  void loadValues(
      Codes codes, MemorySegment slab, long tile, int tokens, int channels, Block block);

  /**
   * Adds the dot products of the block's queries with every token of a tile of keys to the logits
   * of the block's rows, but for the queries' unit.
   */
  void dot(Codes codes, MemorySegment slab, long tile, int tokens, int channels, Block block);

  /** Sums up a tile's values times the block's weights and adds them to the rows' weighted sums. */
  void sum(Codes codes, MemorySegment slab, long tile, int tokens, int channels, Block block);

  /** Where scales start behind so many bytes of codes. */
  static int offset(int codeBytes) {
    return Lanes.roundUp(codeBytes, 64);
  }
}
