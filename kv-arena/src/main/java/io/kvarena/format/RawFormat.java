package io.kvarena.format;

import java.lang.foreign.MemorySegment;

/** A format without groups, whose rows can be written one at a time: what tails are held in. */
public interface RawFormat extends PageFormat {

  /**
   * Writes the row of one token, {@code rows[from .. from + channels)}, into the tile at {@code
   * offset}.
   */
  void putRow(
      TileKind kind,
      float[] rows,
      int from,
      int token,
      int tokens,
      int channels,
      MemorySegment page,
      long offset);
}
