package io.kvarena.attention.vector;

import java.lang.foreign.MemorySegment;

/**
 * Reads the codes of a tile, keys and values alike: a tile is [element][lane], of keys a lane is a
 * token and an element a channel, of values the other way round. Scales are no matter of this.
 */
interface Codes {

  /** How far behind a tile {@link #multiply} may read. */
  int REACH = 128;

  /** Bytes of the codes of a tile. */
  int bytes(int elements, int lanes);

  /**
   * What codes, as they are multiplied, have to be multiplied with to be values, but for scales.
   */
  default float unit() {
    return 1;
  }

  /**
   * Multiplies codes by the block's factors: sets the block's products to the sums over the
   * elements from {@code from} to {@code to}, for each row and the lanes of two vectors. Lanes
   * behind the last get anything.
   *
   * @param slab memory that holds the tile
   * @param tile where it starts
   * @param elements elements of the tile
   * @param lanes lanes of the tile
   * @param lane the first of the two vectors
   * @param from a multiple of 4
   * @param to at most the elements of the tile; where codes share an int it is rounded up to a full
   *     one or to four, and the factors behind the last element are 0
   */
  void multiply(
      MemorySegment slab,
      long tile,
      int elements,
      int lanes,
      int lane,
      int from,
      int to,
      Block block);
}
