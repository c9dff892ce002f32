package io.kvarena.bench.formats;

import java.io.PrintStream;
import java.util.List;
import java.util.Locale;

/** The rows for people. */
final class FormatTable {

  private static final String NAME = "format, keys' transform";

  private final PrintStream out;
  private final boolean withModel;

  FormatTable(PrintStream out, boolean withModel) {
    this.out = out;
    this.withModel = withModel;
  }

  void print(List<FormatRow> rows) {
    int width = NAME.length();
    for (FormatRow row : rows) {
      width = Math.max(width, row.recipe().name().length());
    }
    String name = "  %-" + width + "s ";
    out.printf(name + "%6s │ %-17s │ %-25s", "", "", "key MSE/variance", "output error");
    out.println(
        withModel
            ? "%8s │ %-18s │ %-35s"
                .formatted("", "embedded, tensors", "embedded model")
                .stripTrailing()
            : "");
    out.printf(
        name + "%6s │ %8s %8s │ %8s %8s %8s",
        NAME,
        "bits",
        "gaussian",
        "outlier",
        "gaussian",
        "peaked",
        "outlier");
    out.println(
        withModel
            ? " │ %8s %8s %8s │ %6s %8s %8s %8s %7s"
                .formatted("MSE/var", "output", "KL", "bits", "KL", "perplex.", "change", "passkey")
            : "");
    for (FormatRow row : rows) {
      print(name, row);
    }
    out.flush();
  }

  private void print(String name, FormatRow row) {
    Distortion gaussian = of(row, SyntheticKind.GAUSSIAN.label());
    Distortion peaked = of(row, SyntheticKind.PEAKED.label());
    Distortion outlier = of(row, SyntheticKind.OUTLIER_ROPE.label());
    out.printf(
        Locale.ROOT,
        name + "%6.3f │ %s %s │ %s %s %s",
        row.recipe().name(),
        row.recipe().bitsPerElement(),
        small(gaussian.keyMse()),
        small(outlier.keyMse()),
        small(gaussian.outputError()),
        small(peaked.outputError()),
        small(outlier.outputError()));
    ModelQuality.Result run = row.model();
    if (run != null) {
      Distortion dumped = of(row, FormatRow.DUMPED);
      out.printf(
          Locale.ROOT,
          " │ %s %s %s │ %6.3f %s %8.4f %+7.2f%% %4d/%d",
          small(dumped.keyMse()),
          small(dumped.outputError()),
          small(dumped.attentionKl()),
          run.arenaBits(),
          small(run.logitKl()),
          run.perplexity(),
          100 * row.perplexityChange(),
          run.passkeysRight(),
          run.passkeys());
    }
    out.println();
  }

  private static Distortion of(FormatRow row, String tensors) {
    Distortion distortion = row.tensors().get(tensors);
    if (distortion == null) {
      throw new IllegalStateException(
          "a row lacks tensors: row=" + row.recipe().name() + ", tensors=" + tensors + "; a bug");
    }
    return distortion;
  }

  /** Eight characters: four digits after the point, or an exponent below that. */
  private static String small(double value) {
    return String.format(
        Locale.ROOT, Math.abs(value) < 0.001 && value != 0 ? "%8.1e" : "%8.4f", value);
  }
}
