package io.kvarena.bench.formats;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The command with few rows, and what has to be true of its figures whatever they are. */
class FormatsCommandTest {

  private static final Set<String> FIELDS =
      Set.of("format", "transform", "pageTokens", "pinned", "bitsPerElement", "tensors", "model");
  private static final Set<String> DISTORTION =
      Set.of("keyMse", "valueMse", "logitError", "outputError", "attentionKl");
  private static final Set<String> MODEL =
      Set.of(
          "arenaBitsPerElement",
          "transformBytes",
          "sealedShareOfBytesRead",
          "perplexity",
          "perplexityChange",
          "logitKl",
          "passkeysRight",
          "passkeys");

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  @TempDir private Path folder;

  private int formats(String... args) {
    out.reset();
    err.reset();
    List<String> all = new ArrayList<>(List.of(args));
    all.addAll(List.of("--png", folder.resolve("formats.png").toString()));
    return FormatsCommand.execute(
        new PrintStream(out, true, StandardCharsets.UTF_8),
        new PrintStream(err, true, StandardCharsets.UTF_8),
        all.toArray(new String[0]));
  }

  /** The rows by format and transform, in order. */
  private Map<String, JsonObject> rows(String... args) {
    assertEquals(0, formats(args), err.toString(StandardCharsets.UTF_8));
    List<String> lines = out.toString(StandardCharsets.UTF_8).lines().toList();
    JsonObject object = JsonParser.parseString(lines.getLast()).getAsJsonObject();
    Map<String, JsonObject> rows = new LinkedHashMap<>();
    for (JsonElement element : object.getAsJsonArray("rows")) {
      JsonObject row = element.getAsJsonObject();
      rows.put(row.get("format").getAsString() + " " + row.get("transform").getAsString(), row);
    }
    return rows;
  }

  private static double of(Map<String, JsonObject> rows, String row, String tensors, String what) {
    return rows.get(row)
        .getAsJsonObject("tensors")
        .getAsJsonObject(tensors)
        .get(what)
        .getAsDouble();
  }

  private static double bits(Map<String, JsonObject> rows, String row) {
    return rows.get(row).get("bitsPerElement").getAsDouble();
  }

  @Test
  void quick_asJson_hasEveryRowWithFiniteFiguresAndAPicture() throws Exception {
    String all = "centred+balanced+hadamard";
    Map<String, JsonObject> rows =
        rows(
            "--quick",
            "--json",
            "--formats",
            "f32,q4_0,turbo4,turbo3,turbo2,turbo4/turbo2",
            "--transforms",
            "hadamard," + all + "+calibrated");
    List<String> names = new ArrayList<>(List.of("f32 identity", "f16 identity"));
    for (String format : List.of("f32", "q4_0", "turbo4", "turbo3", "turbo2", "turbo4/turbo2")) {
      names.add(format + " hadamard");
      names.add(format + " " + all + "+calibrated");
    }
    assertEquals(names, List.copyOf(rows.keySet()));
    for (JsonObject row : rows.values()) {
      assertEquals(FIELDS, row.keySet());
      assertTrue(row.get("model").isJsonNull(), row.toString());
      JsonObject tensors = row.getAsJsonObject("tensors");
      assertEquals(Set.of("gaussian", "peaked", "outlier+rope"), tensors.keySet());
      for (String kind : tensors.keySet()) {
        JsonObject distortion = tensors.getAsJsonObject(kind);
        assertEquals(DISTORTION, distortion.keySet());
        for (String what : DISTORTION) {
          double value = distortion.get(what).getAsDouble();
          assertTrue(Double.isFinite(value) && value > -1e-12, row.toString());
        }
      }
    }
    bitsAndErrors_areInOrder(rows, all + "+calibrated");
    BufferedImage picture = ImageIO.read(folder.resolve("formats.png").toFile());
    assertTrue(picture.getWidth() > 400 && picture.getHeight() > 200);
  }

  private static void bitsAndErrors_areInOrder(Map<String, JsonObject> rows, String best) {
    assertEquals(32, bits(rows, "f32 identity"));
    assertEquals(16, bits(rows, "f16 identity"));
    assertEquals(4.5, bits(rows, "q4_0 hadamard"));
    assertEquals(4.25, bits(rows, "turbo4 hadamard"));
    assertEquals(3.25, bits(rows, "turbo4/turbo2 hadamard"));
    assertEquals(0, of(rows, "f32 identity", "outlier+rope", "outputError"), 1e-12);
    for (String tensors : List.of("gaussian", "peaked", "outlier+rope")) {
      // A rotation leaves logits alone, and so do a mean and weights that are undone.
      assertTrue(of(rows, "f32 hadamard", tensors, "logitError") < 1e-5, tensors);
      assertTrue(of(rows, "f32 " + best, tensors, "logitError") < 1e-5, tensors);
      for (String transform : List.of("hadamard", best)) {
        for (String what : List.of("keyMse", "valueMse")) {
          double four = of(rows, "turbo4 " + transform, tensors, what);
          double three = of(rows, "turbo3 " + transform, tensors, what);
          double two = of(rows, "turbo2 " + transform, tensors, what);
          assertTrue(0 < four && four < three && three < two, tensors + " " + what);
        }
        assertTrue(
            of(rows, "turbo4 " + transform, tensors, "outputError")
                < of(rows, "turbo2 " + transform, tensors, "outputError"),
            tensors);
      }
    }
    assertTrue(
        of(rows, "turbo4 " + best, "outlier+rope", "outputError")
            < 0.5 * of(rows, "turbo4 hadamard", "outlier+rope", "outputError"));
  }

  @Test
  void quick_again_saysTheSame() {
    String[] args = {"--quick", "--json", "--formats", "turbo3", "--transforms", "hadamard"};
    Map<String, JsonObject> first = rows(args);
    assertEquals(first, rows(args));
    List<String> other = new ArrayList<>(List.of(args));
    other.addAll(List.of("--seed", "7"));
    assertTrue(!first.equals(rows(other.toArray(new String[0]))), "the seed has no effect");
  }

  @Test
  void pinnedPages_areCountedInBits() {
    Map<String, JsonObject> rows =
        rows(
            "--quick",
            "--json",
            "--formats",
            "turbo4",
            "--transforms",
            "hadamard",
            "--pinned",
            "33",
            "--page-tokens",
            "64");
    JsonObject row = rows.get("turbo4 hadamard");
    assertEquals(64, row.get("pinned").getAsInt());
    // 4 bits, 64 f16 scales for 64 · 128 elements; one page of 32 is f16.
    assertEquals((16 + 31 * 4.125) / 32, row.get("bitsPerElement").getAsDouble());
  }

  @Test
  void model_onAShortText_isAsGoodAsItsCache() {
    Map<String, JsonObject> rows =
        rows(
            "--json",
            "--windows",
            "1",
            "--window-tokens",
            "256",
            "--passkeys",
            "2",
            "--formats",
            "q8_0,turbo2",
            "--transforms",
            "centred+balanced+hadamard");
    for (JsonObject row : rows.values()) {
      JsonObject model = row.getAsJsonObject("model");
      assertEquals(MODEL, model.keySet());
      for (String what : MODEL) {
        assertTrue(Double.isFinite(model.get(what).getAsDouble()), row.toString());
      }
      assertTrue(row.getAsJsonObject("tensors").has("model"), row.toString());
    }
    JsonObject exact = rows.get("f32 identity").getAsJsonObject("model");
    JsonObject eight = rows.get("q8_0 centred+balanced+hadamard").getAsJsonObject("model");
    JsonObject two = rows.get("turbo2 centred+balanced+hadamard").getAsJsonObject("model");
    double[] found =
        new double[] {
          exact.get("logitKl").getAsDouble(),
          exact.get("arenaBitsPerElement").getAsDouble(),
          exact.get("passkeysRight").getAsDouble(),
          eight.get("arenaBitsPerElement").getAsDouble(),
        };
    assertArrayEquals(new double[] {0, 32, 2, 8.5}, found);
    double small = eight.get("logitKl").getAsDouble();
    assertTrue(0 < small && small < 0.1 * two.get("logitKl").getAsDouble(), rows.toString());
    assertTrue(two.get("transformBytes").getAsLong() > 0, two.toString());
  }

  @Test
  void unknownFormat_isRefusedWithTheOnesThereAre() {
    assertEquals(2, formats("--formats", "f17"));
    assertEquals(
        "kv formats: no such format: name=f17; use one of f32 f16 bf16 q8_0 q4_0 int8 fp8_e4m3"
            + " turbo4 turbo3 turbo2 kivi4 kivi2",
        err.toString(StandardCharsets.UTF_8).strip());
  }

  @Test
  void unknownTransform_isRefusedWithTheOnesThereAre() {
    assertEquals(2, formats("--transforms", "centred+turned"));
    assertEquals(
        "kv formats: no such transform: part=turned, transform=centred+turned; use identity or any"
            + " of centred+balanced+hadamard, then +calibrated",
        err.toString(StandardCharsets.UTF_8).strip());
  }

  @Test
  void calibrationOfNothing_isRefused() {
    assertEquals(2, formats("--transforms", "hadamard+calibrated"));
    assertEquals(
        "kv formats: there is nothing to calibrate: transform=hadamard+calibrated; centre or"
            + " balance, as in centred+balanced+hadamard+calibrated",
        err.toString(StandardCharsets.UTF_8).strip());
  }

  @Test
  void pagesOfAnOddSize_areRefused() {
    assertEquals(2, formats("--page-tokens", "33"));
    assertEquals(
        "kv formats: a page holds 8, 16, … or 64 tokens and some may be pinned: pageTokens=33,"
            + " pinned=0; 32 and 0 are the defaults",
        err.toString(StandardCharsets.UTF_8).strip());
  }
}
