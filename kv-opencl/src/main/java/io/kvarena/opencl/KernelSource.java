package io.kvarena.opencl;

import io.kvarena.format.PageFormat;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * The OpenCL C of this module, assembled: a program = common + load of the keys + load of the
 * values + fold.
 */
final class KernelSource {

  /** Formats that have loads, in the order of {@link #pair}. */
  static final List<String> FORMATS = List.of("f32", "f16", "bf16", "q8_0", "q4_0");

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
  static String fold(ClShape shape, int pair) {
    String keys = FORMATS.get(pair / FORMATS.size());
    String values = FORMATS.get(pair % FORMATS.size());
    return read("common.cl")
        + read("keys/" + keys + ".cl")
        + read("values/" + values + ".cl")
        + read("decode/" + shape.file());
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
