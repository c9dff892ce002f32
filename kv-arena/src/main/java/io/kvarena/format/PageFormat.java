package io.kvarena.format;

import java.lang.foreign.MemorySegment;

/**
 * How the tiles of a page are encoded.
 *
 * <p>A tile holds {@code tokens} (a multiple of 8, at most 64) rows of {@code channels} values. Its
 * rows come and go as f32 [tokens][channels]; inside, keys lie dim-major and values token-major,
 * quantised codes in quads, because a sealed page is written once and read thousands of times.
 */
public interface PageFormat {

  /** Wire name, such as {@code q8_0}. */
  String name();

  /** Bytes of a tile with its scales and padding: a multiple of 128. */
  long tileBytes(TileKind kind, int tokens, int channels);

  /**
   * Encodes {@code rows}, f32 [tokens][channels], into the tile at {@code offset}; every value must
   * be finite and every byte of the tile is written or left zero.
   */
  void encode(
      TileKind kind, float[] rows, int tokens, int channels, MemorySegment page, long offset);

  /** Decodes the tile at {@code offset} into {@code rows}, f32 [tokens][channels]. */
  void decode(
      TileKind kind, MemorySegment page, long offset, int tokens, int channels, float[] rows);

  /**
   * Writes for every value x of a tile a bound of |x − decode(encode(x))|, derived from what the
   * value's group holds.
   *
   * @param rows the tile before it is encoded, f32 [tokens][channels]
   * @param bounds takes the bounds, f32 [tokens][channels]
   */
  void errorBounds(TileKind kind, float[] rows, int tokens, int channels, float[] bounds);

  /**
   * Whether a value is scale · code + min, not scale · code alone: a kernel may then sum the two
   * terms apart, and its rounding follows their size rather than the value's.
   */
  default boolean hasOffset() {
    return false;
  }

  /** Largest magnitude that this format holds without becoming infinite. */
  float magnitudeMax();

  /**
   * The format of the unsealed tail under this one: wide enough that sealing loses only what this
   * format loses.
   */
  RawFormat raw();

  /** Code by which kernels of other languages know the format; unique, never reused. */
  int code();
}
