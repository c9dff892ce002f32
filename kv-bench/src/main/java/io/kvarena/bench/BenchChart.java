package io.kvarena.bench;

import java.awt.Color;
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
import org.knowm.xchart.style.CategoryStyler;
import org.knowm.xchart.style.Styler.LegendPosition;

/** A picture of the decode steps: GB/s of each kernel beside the read ceiling, by format. */
final class BenchChart {

  /** Grey for the ceiling, then colours that differ in lightness too. */
  private static final Color[] COLOURS = {
    new Color(0xbdbdbd),
    new Color(0x1b4f8f),
    new Color(0x4f8fd0),
    new Color(0xa9cbea),
    new Color(0xd9822b),
    new Color(0x2f8f5b),
    new Color(0x7a3b8f),
    new Color(0xc0392b),
    new Color(0x6b6b2a),
  };

  private BenchChart() {}

  static void write(List<Row> rows, Path file) {
    CategoryChart chart =
        new CategoryChartBuilder()
            .width(1100)
            .height(700)
            .title("Decode attention, 32 query heads, 8 KV heads, dim 128: keys and values read")
            .xAxisTitle("format, tokens of context, threads if more than one")
            .yAxisTitle("GB/s")
            .build();
    CategoryStyler style = chart.getStyler();
    style.setChartBackgroundColor(Color.WHITE);
    style.setPlotBorderVisible(false);
    style.setPlotGridVerticalLinesVisible(false);
    style.setLegendBorderColor(Color.WHITE);
    style.setLegendPosition(LegendPosition.OutsideE);
    style.setAvailableSpaceFill(0.85);
    style.setXAxisLabelRotation(45);
    style.setYAxisMin(0.0);
    style.setYAxisDecimalPattern("#0");
    style.setSeriesColors(COLOURS);
    List<String> kernels = rows.stream().map(Row::kernel).distinct().toList();
    for (String kernel : kernels) {
      List<String> names = new ArrayList<>();
      List<Double> speeds = new ArrayList<>();
      for (Row row : rows) {
        if (row.kernel().equals(kernel)) {
          String name = row.format() + ", " + String.format(Locale.ROOT, "%,d", row.context());
          names.add(row.threads() == 1 ? name : name + ", " + row.threads() + " threads");
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
