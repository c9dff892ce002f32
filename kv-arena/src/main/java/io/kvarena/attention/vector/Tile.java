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
    if (format == Formats.Q4_0) {
      return Q4;
    }
    if (format == Formats.INT8) {
      return INT8;
    }
    if (format == Formats.FP8_E4M3) {
      return FP8;
    }
    if (format == Formats.TURBO4) {
      return TURBO4;
    }
    if (format == Formats.TURBO3) {
      return TURBO3;
    }
    if (format == Formats.TURBO2) {
      return TURBO2;
    }
    if (format == Formats.KIVI4) {
      return KIVI4;
    }
    return format == Formats.KIVI2 ? KIVI2 : null;
  }

  private static final Tile F32 = new Tile(F32Codes.INSTANCE, NoScales.INSTANCE);
  private static final Tile F16 = new Tile(F16Codes.INSTANCE, NoScales.INSTANCE);
  private static final Tile BF16 = new Tile(Bf16Codes.INSTANCE, NoScales.INSTANCE);
  private static final Tile Q8 = new Tile(ByteCodes.INSTANCE, GroupScales.INSTANCE);
  private static final Tile Q4 = new Tile(NibbleCodes.INSTANCE, GroupScales.INSTANCE);
  private static final Tile INT8 = new Tile(ByteCodes.INSTANCE, TokenScales.INSTANCE);
  private static final Tile FP8 = new Tile(Fp8Codes.INSTANCE, TokenScales.INSTANCE);
  private static final Tile TURBO4 =
      new Tile(
          new Level4Codes(-127, -96, -75, -58, -44, -31, -18, -6, 6, 18, 31, 44, 58, 75, 96, 127),
          TokenScales.INSTANCE);
  private static final Tile TURBO3 =
      new Tile(new Level3Codes(-127, -79, -45, -14, 14, 45, 79, 127), TokenScales.INSTANCE);
  private static final Tile TURBO2 =
      new Tile(new Level2Codes(-127, -38, 38, 127), TokenScales.INSTANCE);
  private static final Tile KIVI4 = new Tile(NibbleCodes.INSTANCE, new AffineScales(8));
  private static final Tile KIVI2 = new Tile(new Level2Codes(0, 1, 2, 3), new AffineScales(0));
}
