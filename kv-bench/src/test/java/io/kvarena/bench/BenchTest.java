package io.kvarena.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The command on a context so small that no figure means anything. */
class BenchTest {

  private static final Set<String> FIELDS =
      Set.of(
          "kernel",
          "format",
          "context",
          "threads",
          "microseconds",
          "gigabytesPerSecond",
          "ceilingShare",
          "gigaElementsPerSecond");

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  private int bench(String... args) {
    return Bench.execute(
        new PrintStream(out, true, StandardCharsets.UTF_8),
        new PrintStream(err, true, StandardCharsets.UTF_8),
        args);
  }

  private JsonObject lastLine() {
    List<String> lines = out.toString(StandardCharsets.UTF_8).lines().toList();
    return JsonParser.parseString(lines.getLast()).getAsJsonObject();
  }

  @Test
  void disk_asJson_hasEveryActionPlainAndEncrypted(@TempDir Path folder) throws Exception {
    int exit =
        bench(
            "disk",
            "--pages",
            "65536",
            "--megabytes",
            "16",
            "--rounds",
            "1",
            "--directory",
            folder.toString(),
            "--io",
            "channel",
            "--json");
    assertEquals(0, exit, err.toString(StandardCharsets.UTF_8));
    JsonArray rows = lastLine().getAsJsonArray("disk");
    assertEquals(6, rows.size());
    for (JsonElement element : rows) {
      JsonObject row = element.getAsJsonObject();
      assertEquals("channel", row.get("io").getAsString());
      assertTrue(row.get("gigabytesPerSecond").getAsDouble() > 0, row.toString());
      assertTrue(row.get("rawGigabytesPerSecond").getAsDouble() > 0, row.toString());
    }
    try (Stream<Path> left = Files.list(folder)) {
      assertEquals(0, left.count());
    }
  }

  @Test
  void attention_asJson_hasTheCeilingAndEveryKernelOfEveryFormat(@TempDir Path folder)
      throws Exception {
    Path png = folder.resolve("bench.png");
    int exit =
        bench(
            "attention",
            "--kernels",
            "scalar",
            "--formats",
            "f16,q4_0",
            "--contexts",
            "64",
            "--threads",
            "1,2",
            "--seconds",
            "0.01",
            "--json",
            "--png",
            png.toString());
    assertEquals(0, exit, err.toString(StandardCharsets.UTF_8));
    JsonArray rows = lastLine().getAsJsonArray("rows");
    assertEquals(12, rows.size());
    for (JsonElement element : rows) {
      JsonObject row = element.getAsJsonObject();
      assertEquals(FIELDS, row.keySet());
      assertEquals(64, row.get("context").getAsInt());
      assertTrue(row.get("microseconds").getAsDouble() > 0, row.toString());
      boolean ceiling = row.get("kernel").getAsString().equals("read");
      double share = row.get("ceilingShare").getAsDouble();
      assertTrue(ceiling ? share == 1 : share > 0, row.toString());
    }
    BufferedImage picture = ImageIO.read(png.toFile());
    assertTrue(picture.getWidth() > 400 && picture.getHeight() > 200);
  }

  @Test
  void append_asJson_hasItsThreeStepsForEachFormat() {
    int exit =
        bench("append", "--kernels", "scalar", "--formats", "q8_0", "--seconds", "0.01", "--json");
    assertEquals(0, exit, err.toString(StandardCharsets.UTF_8));
    JsonArray rows = lastLine().getAsJsonArray("append");
    List<String> steps =
        rows.asList().stream()
            .map(row -> row.getAsJsonObject().get("kernel").getAsString())
            .sorted()
            .toList();
    // Each with and without a rotation.
    assertEquals(
        List.of(
            "scalar append",
            "scalar append",
            "scalar put",
            "scalar put",
            "scalar seal",
            "scalar seal"),
        steps);
  }

  @Test
  void prefill_asJson_hasEachChunkOfEachContext() {
    int exit =
        bench(
            "prefill",
            "--kernels",
            "scalar",
            "--formats",
            "q8_0",
            "--contexts",
            "64,96",
            "--chunks",
            "2,33",
            "--seconds",
            "0.01",
            "--json");
    assertEquals(0, exit, err.toString(StandardCharsets.UTF_8));
    JsonArray rows = lastLine().getAsJsonArray("prefill");
    assertEquals(4, rows.size());
    for (JsonElement element : rows) {
      JsonObject row = element.getAsJsonObject();
      int context = row.get("context").getAsInt();
      int chunk = row.get("chunk").getAsInt();
      // Query t of the chunk sees the tokens before the chunk and t + 1 of its own.
      double pairs = 0;
      for (int t = 0; t < chunk; t++) {
        pairs += context - chunk + t + 1;
      }
      double operations = 2 * pairs * 32 * (128 + 128);
      double rate = operations / row.get("microseconds").getAsDouble() / 1e3;
      assertEquals(rate, row.get("gigaflopsPerSecond").getAsDouble(), 1e-9 * rate);
    }
  }

  @Test
  void prefill_chunkLongerThanItsContext_isRefused() {
    assertEquals(2, bench("prefill", "--contexts", "64", "--chunks", "65"));
    assertEquals(
        "kv bench: a chunk lies in its context: chunks=[65], context=64; give shorter chunks or"
            + " longer contexts",
        err.toString(StandardCharsets.UTF_8).strip());
  }

  @Test
  void prefix_asJson_hasBothTimesForEachFormat() {
    int exit =
        bench(
            "prefix",
            "--kernels",
            "scalar",
            "--formats",
            "f16,q4_0",
            "--prefix",
            "64",
            "--sequences",
            "3",
            "--seconds",
            "0.01",
            "--json");
    assertEquals(0, exit, err.toString(StandardCharsets.UTF_8));
    JsonArray rows = lastLine().getAsJsonArray("prefix");
    assertEquals(2, rows.size());
    for (JsonElement element : rows) {
      JsonObject row = element.getAsJsonObject();
      double apart = row.get("apartMicroseconds").getAsDouble();
      double shared = row.get("sharedMicroseconds").getAsDouble();
      assertTrue(apart > 0 && shared > 0, row.toString());
      assertEquals(apart / shared, row.get("gain").getAsDouble());
    }
  }

  @Test
  void unknownFormat_isRefusedWithTheOnesThereAre() {
    assertEquals(2, bench("attention", "--formats", "f17"));
    assertEquals(
        "kv bench: no such format: name=f17; use one of f32 f16 bf16 q8_0 q4_0 int8 fp8_e4m3 turbo4"
            + " turbo3 turbo2 kivi4 kivi2",
        err.toString(StandardCharsets.UTF_8).strip());
  }

  @Test
  void unknownBenchmark_isRefusedWithTheOnesThereAre() {
    assertEquals(2, bench("decode"));
    assertEquals(
        "kv bench: no such benchmark: what=decode; use one of attention, append, all, prefill, prefix,"
            + " disk, peers, tier, session, lookup, copy",
        err.toString(StandardCharsets.UTF_8).strip());
  }
}
