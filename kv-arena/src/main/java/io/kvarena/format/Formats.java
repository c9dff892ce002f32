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

  private static final List<PageFormat> ALL = List.of(F32, F16, BF16, Q8_0, Q4_0);

  private Formats() {}

  /** Every format, widest first. */
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
