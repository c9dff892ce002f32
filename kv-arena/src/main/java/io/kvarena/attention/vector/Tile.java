package io.kvarena.attention.vector;

import io.kvarena.format.Formats;
import io.kvarena.format.PageFormat;
import org.jspecify.annotations.Nullable;

/** How the tiles of a format are read: its codes, and what multiplies them. */
record Tile(Codes codes, Scales scales) {

  /** The reader of a format, or null if there is none. */
  static @Nullable Tile of(PageFormat format) {
    if (format == Formats.F32) {
      return F32;
    }
    if (format == Formats.F16) {
      return F16;
    }
    if (format == Formats.BF16) {
      return BF16;
    }
    if (format == Formats.Q8_0) {
      return Q8;
    }
    return format == Formats.Q4_0 ? Q4 : null;
  }

  private static final Tile F32 = new Tile(F32Codes.INSTANCE, NoScales.INSTANCE);
  private static final Tile F16 = new Tile(F16Codes.INSTANCE, NoScales.INSTANCE);
  private static final Tile BF16 = new Tile(Bf16Codes.INSTANCE, NoScales.INSTANCE);
  private static final Tile Q8 = new Tile(ByteCodes.INSTANCE, GroupScales.INSTANCE);
  private static final Tile Q4 = new Tile(NibbleCodes.INSTANCE, GroupScales.INSTANCE);
}
