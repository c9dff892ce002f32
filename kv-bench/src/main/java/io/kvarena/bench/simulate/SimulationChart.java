package io.kvarena.bench.simulate;

import java.awt.BasicStroke;
import java.awt.Color;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.List;
import javax.imageio.ImageIO;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.XYStyler;
import org.knowm.xchart.style.markers.Marker;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** A picture of a trace's rows: hit rate against capacity, the ceilings in grey and black. */
final class SimulationChart {

  private static final Color[] COLOURS = {
    new Color(0xa9a9a9),
    new Color(0x1b4f8f),
    new Color(0x4f8fd0),
    new Color(0xd9822b),
    new Color(0x2f8f5b),
    new Color(0x7a3b8f),
    new Color(0xc0392b),
    new Color(0x6b6b2a),
    new Color(0x17a2a2),
    new Color(0xd06fa8),
    new Color(0x8b5a2b),
  };

  private static final Marker[] MARKERS = {
    SeriesMarkers.CIRCLE,
    SeriesMarkers.SQUARE,
    SeriesMarkers.TRIANGLE_UP,
    SeriesMarkers.DIAMOND,
    SeriesMarkers.TRIANGLE_DOWN,
  };

  private SimulationChart() {}

  /** Writes the picture; a file of that name stays as it was if that fails. */
  static void write(List<SimulationRow> rows, Path file) {
    XYChart chart =
        new XYChartBuilder()
            .width(1100)
            .height(640)
            .title(rows.getFirst().trace() + ": uses of blocks that find the block there")
            .xAxisTitle("blocks that fit")
            .yAxisTitle("block hit rate")
            .build();
    XYStyler style = chart.getStyler();
    style.setChartBackgroundColor(Color.WHITE);
    style.setPlotBorderVisible(false);
    style.setLegendBorderColor(Color.WHITE);
    style.setLegendPosition(LegendPosition.OutsideE);
    style.setXAxisLogarithmic(true);
    style.setXAxisDecimalPattern("#,##0");
    style.setYAxisDecimalPattern("0.0#");
    style.setYAxisMin(0.0);
    style.setMarkerSize(8);
    int colour = 0;
    for (String policy : rows.stream().map(SimulationRow::policy).distinct().toList()) {
      List<SimulationRow> of =
          rows.stream().filter(row -> row.policy().equals(policy)).sorted(byCapacity()).toList();
      XYSeries series =
          chart.addSeries(
              policy,
              of.stream().mapToDouble(SimulationRow::capacity).toArray(),
              of.stream().mapToDouble(row -> row.counts().blockHitRate()).toArray());
      if (policy.startsWith(Simulation.CEILING) || policy.equals(Simulation.UNBOUNDED)) {
        boolean bounded = !policy.equals(Simulation.UNBOUNDED);
        Color grey = bounded ? Color.BLACK : Color.GRAY;
        series.setLineColor(grey);
        series.setMarkerColor(grey);
        series.setMarker(bounded ? SeriesMarkers.CROSS : SeriesMarkers.NONE);
        series.setLineStyle(dashed(policy.equals(Simulation.CEILING) ? 8 : 3));
      } else {
        series.setLineColor(COLOURS[colour % COLOURS.length]);
        series.setMarkerColor(COLOURS[colour % COLOURS.length]);
        series.setMarker(MARKERS[colour % MARKERS.length]);
        series.setLineStyle(new BasicStroke(2));
        colour++;
      }
    }
    Path half = file.resolveSibling(file.getFileName() + ".part");
    try {
      try (OutputStream out = Files.newOutputStream(half)) {
        ImageIO.write(BitmapEncoder.getBufferedImage(chart), "png", out);
      }
      Files.move(half, file, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw new UncheckedIOException(
          "the picture cannot be written: file=" + file + "; name another folder with --png", e);
    }
  }

  private static Comparator<SimulationRow> byCapacity() {
    return Comparator.comparingLong(SimulationRow::capacity);
  }

  private static BasicStroke dashed(float dash) {
    return new BasicStroke(
        2, BasicStroke.CAP_BUTT, BasicStroke.JOIN_ROUND, 10, new float[] {dash, 4}, 0);
  }
}
