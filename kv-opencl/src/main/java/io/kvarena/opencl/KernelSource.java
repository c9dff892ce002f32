package io.kvarena.opencl;

import io.kvarena.format.PageFormat;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * The OpenCL C of this module, assembled: a program = common + codes + load of the keys + load of
 * the values + what its shape shares + fold.
 *
 * <p>Formats of one family share their loads, which macros tell the bits and the levels.
 */
final class KernelSource {

  /** Formats that have loads, in the order of {@link #pair}. */
  static final List<String> FORMATS =
      List.of(
          "f32",
          "f16",
          "bf16",
          "q8_0",
          "q4_0",
          "int8",
          "fp8_e4m3",
          "turbo4",
          "turbo3",
          "turbo2",
          "kivi4",
          "kivi2");

  /** Number of pairs of formats. */
  static final int PAIRS = FORMATS.size() * FORMATS.size();

  private KernelSource() {}

  /** Index of a pair of formats, or -1 if one of them has no load. */
  static int pair(PageFormat keys, PageFormat values) {
    int key = FORMATS.indexOf(keys.name());
    int value = FORMATS.indexOf(values.name());
    return key < 0 || value < 0 ? -1 : key * FORMATS.size() + value;
  }

  /** The program that folds pages of a pair of formats. */
  static String fold(ClProgram program, int pair) {
    String keys = FORMATS.get(pair / FORMATS.size());
    String values = FORMATS.get(pair % FORMATS.size());
    return read("common.cl")
        + read("codes.cl")
        + load("keys", "KEY", keys)
        + load("values", "VALUE", values)
        + read(program.common())
        + read(program.file());
  }

  /** The load of a format, {@code prefix} in front of the names of its macros. */
  private static String load(String folder, String prefix, String format) {
    return switch (format) {
      case "int8", "fp8_e4m3" -> family(folder, "token_scaled", prefix, format, 8);
      case "turbo4" -> family(folder, "token_scaled", prefix, format, 4);
      case "turbo3" -> family(folder, "token_scaled", prefix, format, 3);
      case "turbo2" -> family(folder, "token_scaled", prefix, format, 2);
      case "kivi4" -> family(folder, "kivi", prefix, format, 4);
      case "kivi2" -> family(folder, "kivi", prefix, format, 2);
      default -> read(folder + "/" + format + ".cl");
    };
  }

  private static String family(String folder, String file, String prefix, String format, int bits) {
    return "#define %1$s_BITS %2$d%n#define %1$s_LEVEL %3$s%n".formatted(prefix, bits, format)
        + read(folder + "/" + file + ".cl");
  }

  /** The program that asks whether kernels see host memory. */
  static String probe() {
    return read("probe.cl");
  }

  private static String read(String name) {
    String path = "kernels/" + name;
    try (InputStream in = KernelSource.class.getResourceAsStream(path)) {
      if (in == null) {
        throw new IllegalStateException(
            "resource missing from the jar: path=" + path + "; rebuild kv-opencl");
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
