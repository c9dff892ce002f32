package io.kvarena.format;

import java.util.List;
import java.util.stream.Collectors;

/** The formats of this library: a new one is one file and one line here. */
public final class Formats {

  /** 32-bit floats. */
  public static final RawFormat F32 = new F32();

  /** IEEE 16-bit floats. */
  public static final RawFormat F16 = new F16();

  /** bfloat16. */
  public static final RawFormat BF16 = new Bf16();

  /** 8 bits, one f16 scale for 32 channels: 8.5 bits an element. */
  public static final PageFormat Q8_0 = new Q8();

  /** 4 bits, one f16 scale for 32 channels: 4.5 bits an element. */
  public static final PageFormat Q4_0 = new Q4();

  /** 8 bits, one f16 scale for a token: 8 bits an element and 16 a token. */
  public static final PageFormat INT8 = new Int8();

  /** 8-bit floats of 3 mantissa bits, one f16 scale for a token. */
  public static final PageFormat FP8_E4M3 = new Fp8();

  /** 4 bits for nearly normal rows, one f16 scale for a token. */
  public static final PageFormat TURBO4 = Turbo.bits4();

  /** 3 bits for nearly normal rows, one f16 scale for a token. */
  public static final PageFormat TURBO3 = Turbo.bits3();

  /** 2 bits for nearly normal rows, one f16 scale for a token. */
  public static final PageFormat TURBO2 = Turbo.bits2();

  /** 4 bits, scale and min for a channel of a page's keys and for 64 channels of a value. */
  public static final PageFormat KIVI4 = Kivi.bits4();

  /** 2 bits, grouped as {@link #KIVI4}, with outliers clipped. */
  public static final PageFormat KIVI2 = Kivi.bits2();

  private static final List<PageFormat> ALL =
      List.of(F32, F16, BF16, Q8_0, Q4_0, INT8, FP8_E4M3, TURBO4, TURBO3, TURBO2, KIVI4, KIVI2);

  private Formats() {}

  /** Every format, in the order of their codes. */
  public static List<PageFormat> all() {
    return ALL;
  }

  /** The format called {@code name}. */
  public static PageFormat named(String name) {
    return ALL.stream()
        .filter(format -> format.name().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "no such format: name="
                        + name
                        + "; use one of "
                        + ALL.stream().map(PageFormat::name).collect(Collectors.joining(" "))));
  }
}
