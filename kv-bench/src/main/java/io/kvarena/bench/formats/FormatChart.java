package io.kvarena.bench.formats;

import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.geom.Rectangle2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import javax.imageio.ImageIO;
import org.knowm.xchart.AnnotationText;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.XYStyler;
import org.knowm.xchart.style.markers.Marker;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** A picture of the rows: what each bit buys, a colour and a marker for each transform. */
final class FormatChart {

  private static final int WIDTH = 1100;
  private static final int HEIGHT = 560;

  /** Formats of more bits lose nothing that a picture could show. */
  private static final double BITS_MAX = 9;

  /** Changes of perplexity below it, in percent, are drawn here. */
  private static final double CHANGE_MIN = 0.01;

  /** Width of a letter in bits of the x axis. */
  private static final double LETTER_WIDTH = 0.068;

  /** Height of a letter in heights of the plot. */
  private static final double LETTER_HEIGHT = 0.035;

  /** Places that are tried for a name. */
  private static final int PLACES = 12;

  private static final Color[] COLOURS = {
    new Color(0x777777),
    new Color(0xd9822b),
    new Color(0x4f8fd0),
    new Color(0x1b4f8f),
    new Color(0x2f8f5b),
    new Color(0x7a3b8f),
    new Color(0xc0392b),
  };

  private static final Marker[] MARKERS = {
    SeriesMarkers.CIRCLE,
    SeriesMarkers.SQUARE,
    SeriesMarkers.TRIANGLE_UP,
    SeriesMarkers.DIAMOND,
    SeriesMarkers.TRIANGLE_DOWN,
    SeriesMarkers.CROSS,
    SeriesMarkers.PLUS,
  };

  private FormatChart() {}

  static void write(List<FormatRow> rows, Path file) {
    List<FormatRow> shown =
        rows.stream().filter(row -> row.recipe().bitsPerElement() <= BITS_MAX).toList();
    List<XYChart> charts = new ArrayList<>();
    charts.add(
        chart(
            "Outlier channels and RoPE, 4,096 tokens, dim 128: error of attention's output",
            "relative error",
            "0.###",
            shown,
            row -> outputError(row, SyntheticKind.OUTLIER_ROPE.label())));
    if (rows.stream().anyMatch(row -> row.model() != null)) {
      charts.add(
          chart(
              "Embedded model: perplexity above that of an f16 cache (0.01 % stands for less)",
              "percent", "0.##", shown, row -> Math.max(CHANGE_MIN, 100 * row.perplexityChange())));
    }
    BufferedImage picture =
        new BufferedImage(WIDTH, HEIGHT * charts.size(), BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = picture.createGraphics();
    for (int i = 0; i < charts.size(); i++) {
      graphics.drawImage(BitmapEncoder.getBufferedImage(charts.get(i)), 0, i * HEIGHT, null);
    }
    graphics.dispose();
    try (OutputStream out = Files.newOutputStream(file)) {
      ImageIO.write(picture, "png", out);
    } catch (IOException e) {
      throw new UncheckedIOException(
          "the picture cannot be written: file=" + file + "; name another with --png", e);
    }
  }

  private static double outputError(FormatRow row, String tensors) {
    Distortion distortion = row.tensors().get(tensors);
    return distortion == null ? 1 : distortion.outputError();
  }

  private static XYChart chart(
      String title,
      String axis,
      String pattern,
      List<FormatRow> rows,
      ToDoubleFunction<FormatRow> height) {
    XYChart chart =
        new XYChartBuilder()
            .width(WIDTH)
            .height(HEIGHT)
            .title(title)
            .xAxisTitle("bits of an element in sealed pages, scales and padding counted")
            .yAxisTitle(axis)
            .build();
    XYStyler style = chart.getStyler();
    style.setChartBackgroundColor(Color.WHITE);
    style.setPlotBorderVisible(false);
    style.setLegendBorderColor(Color.WHITE);
    style.setLegendPosition(LegendPosition.OutsideE);
    style.setYAxisLogarithmic(true);
    style.setYAxisDecimalPattern(pattern);
    style.setXAxisMin(1.5);
    style.setXAxisMax(BITS_MAX);
    style.setXAxisDecimalPattern("0.#");
    style.setMarkerSize(11);
    style.setAnnotationTextFont(new Font(Font.SANS_SERIF, Font.PLAIN, 12));
    style.setAnnotationTextFontColor(new Color(0x444444));
    List<String> transforms =
        rows.stream().map(row -> row.recipe().transformName()).distinct().toList();
    for (int i = 0; i < transforms.size(); i++) {
      String transform = transforms.get(i);
      List<FormatRow> of =
          rows.stream().filter(row -> row.recipe().transformName().equals(transform)).toList();
      XYSeries series =
          chart.addSeries(
              transform,
              of.stream().mapToDouble(row -> row.recipe().bitsPerElement()).toArray(),
              of.stream().mapToDouble(height).toArray());
      series.setXYSeriesRenderStyle(XYSeries.XYSeriesRenderStyle.Scatter);
      series.setMarker(MARKERS[i % MARKERS.length]);
      series.setMarkerColor(COLOURS[i % COLOURS.length]);
    }
    label(chart, rows, height);
    return chart;
  }

  /** Writes a format's name beside the worst of its points, where nothing else is. */
  private static void label(
      XYChart chart, List<FormatRow> rows, ToDoubleFunction<FormatRow> height) {
    Map<String, FormatRow> worst = new LinkedHashMap<>();
    for (FormatRow row : rows) {
      worst.merge(
          row.recipe().format(),
          row,
          (one, other) -> height.applyAsDouble(one) >= height.applyAsDouble(other) ? one : other);
    }
    double low = rows.stream().mapToDouble(height).min().orElse(1);
    double high = rows.stream().mapToDouble(height).max().orElse(1);
    double letter = Math.log(Math.max(2, high / low)) * LETTER_HEIGHT;
    List<Rectangle2D> taken = new ArrayList<>();
    for (FormatRow row : rows) {
      double x = row.recipe().bitsPerElement();
      double y = Math.log(height.applyAsDouble(row));
      taken.add(
          new Rectangle2D.Double(x - LETTER_WIDTH, y - letter / 3, 2 * LETTER_WIDTH, letter / 1.5));
    }
    worst.forEach(
        (format, row) -> {
          double width = format.length() * LETTER_WIDTH;
          double x = row.recipe().bitsPerElement();
          double y = Math.log(height.applyAsDouble(row));
          Rectangle2D box = place(x, y, width, letter, taken);
          taken.add(box);
          chart.addAnnotation(
              new AnnotationText(format, box.getCenterX(), Math.exp(box.getCenterY()), false));
        });
  }

  /** Right or left of a point, then ever higher and lower. */
  private static Rectangle2D place(
      double x, double y, double width, double height, List<Rectangle2D> taken) {
    for (int step = 0; ; step++) {
      for (int side : new int[] {1, -1}) {
        for (int way : new int[] {1, -1}) {
          double left = side > 0 ? x + 2 * LETTER_WIDTH : x - 2 * LETTER_WIDTH - width;
          double bottom = y - height / 2 + way * step * height / 2;
          Rectangle2D box = new Rectangle2D.Double(left, bottom, width, height);
          if (step == PLACES || taken.stream().noneMatch(box::intersects)) {
            return box;
          }
        }
      }
    }
  }
}
