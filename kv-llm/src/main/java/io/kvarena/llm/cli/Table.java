package io.kvarena.llm.cli;

import java.io.PrintStream;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/** Names and what there is to say of each, in two columns. */
final class Table {
  private final Map<String, String> rows = new LinkedHashMap<>();

  @SuppressWarnings("AnnotateFormatMethod") // its annotation is not worth a dependency
  Table row(String name, String format, Object... values) {
    rows.put(name, String.format(Locale.ROOT, format, values));
    return this;
  }

  void print(PrintStream out) {
    int width = rows.keySet().stream().mapToInt(String::length).max().orElse(0);
    rows.forEach((name, value) -> out.printf("  %-" + width + "s  %s%n", name, value));
    out.flush();
  }

  /** A number of bytes for people: the unit that leaves one to three digits before the point. */
  static String bytes(long bytes) {
    String[] units = {"B", "KiB", "MiB", "GiB", "TiB"};
    int unit = 0;
    double size = bytes;
    while (size >= 1000 && unit < units.length - 1) {
      size /= 1024;
      unit++;
    }
    return String.format(Locale.ROOT, unit == 0 ? "%.0f %s" : "%.1f %s", size, units[unit]);
  }
}
