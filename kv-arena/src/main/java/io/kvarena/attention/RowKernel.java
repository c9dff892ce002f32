package io.kvarena.attention;

import io.kvarena.format.PageFormat;
import io.kvarena.format.PageLayout;
import io.kvarena.transform.TransformInstance;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * What is done to rows beside attention: writes what a step appends into granules, encodes full
 * pages from them, and rotates queries and weighted sums.
 *
 * <p>Serves one thread at a time, as it holds scratch; {@link AttentionKernel#newRowKernel} makes
 * one for each thread. All of them write the same bytes: {@link ScalarRows} is the specification.
 */
public interface RowKernel {

  /**
   * Whether the first {@code count} of {@code numbers}, native f32, are finite and of no larger
   * magnitude than {@code largest}.
   */
  boolean isGood(MemorySegment numbers, long count, float largest);

  /**
   * Writes rows of neighbouring tokens into a granule.
   *
   * @param layout the granule's
   * @param offset where in {@code slab} the granule starts
   * @param slot slot of the first token
   * @param tokens rows of each head; {@code slot + tokens} is at most the granule's tokens
   * @param keys native f32 [tokens][kvHeads][keyDim] of all the layer's heads
   * @param keysOffset where the first token's row of the granule's first head starts
   * @param values the same, f32 [tokens][kvHeads][valueDim]
   * @param valuesOffset the same
   */
  void put(
      PageLayout layout,
      MemorySegment slab,
      long offset,
      int slot,
      int tokens,
      MemorySegment keys,
      long keysOffset,
      MemorySegment values,
      long valuesOffset);

  /**
   * Encodes a tile from its raw rows.
   *
   * @param raw the rows; those that do not live count as zeros
   * @param format of the tile; its {@link PageFormat#raw} is that of the rows
   * @param transform what is done to the rows that live before they are encoded, null for nothing
   * @param offset where in {@code page} the tile starts, all of which is zero
   */
  void seal(
      RawTile raw,
      PageFormat format,
      @Nullable TransformInstance transform,
      MemorySegment page,
      long offset);

  /** Transforms queries, native f32 [rows][channels], in place as {@code by} says. */
  void query(TransformInstance by, MemorySegment queries, long offset, int rows);

  /** Maps weighted sums of rotated values back, native f32 [rows][channels], in place. */
  void back(TransformInstance by, MemorySegment sums, long offset, int rows);

  /** Native bytes of scratch held. */
  default long bytes() {
    return 0;
  }
}
