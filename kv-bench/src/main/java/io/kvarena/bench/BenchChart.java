package io.kvarena.bench;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import javax.imageio.ImageIO;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;
import org.knowm.xchart.style.Styler.LegendPosition;

/** A picture of the decode steps: GB/s of each kernel beside the read ceiling, by format. */
final class BenchChart {

  private BenchChart() {}

  static void write(List<Row> rows, Path file) {
    CategoryChart chart =
        new CategoryChartBuilder()
            .width(1100)
            .height(600)
            .title("Decode attention, 32 query heads, 8 KV heads, dim 128: keys and values read")
            .xAxisTitle("format, tokens of context")
            .yAxisTitle("GB/s")
            .build();
    chart.getStyler().setLegendPosition(LegendPosition.OutsideE);
    chart.getStyler().setAvailableSpaceFill(0.85);
    chart.getStyler().setYAxisMin(0.0);
    chart.getStyler().setYAxisDecimalPattern("#0");
    List<String> kernels = rows.stream().map(Row::kernel).distinct().toList();
    for (String kernel : kernels) {
      List<String> names = new ArrayList<>();
      List<Double> speeds = new ArrayList<>();
      for (Row row : rows) {
        if (row.kernel().equals(kernel)) {
          names.add(row.format() + ", " + String.format(Locale.ROOT, "%,d", row.context()));
          speeds.add(row.gigabytesPerSecond());
        }
      }
      chart.addSeries(
          kernel.equals(AttentionBenchmark.CEILING) ? "read ceiling" : kernel, names, speeds);
    }
    try (OutputStream out = Files.newOutputStream(file)) {
      ImageIO.write(BitmapEncoder.getBufferedImage(chart), "png", out);
    } catch (IOException e) {
      throw new UncheckedIOException(
          "the picture cannot be written: file=" + file + "; name another with --png", e);
    }
  }
}
