package io.kvarena.bench.simulate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.kvarena.fixtures.trace.TraceRecipe;
import io.kvarena.fixtures.trace.TraceRequest;
import io.kvarena.policies.replacement.Policies;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SimulateCommandTest {

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  @TempDir private Path folder;

  private int simulate(String... args) {
    out.reset();
    err.reset();
    return SimulateCommand.execute(
        new PrintStream(out, true, StandardCharsets.UTF_8),
        new PrintStream(err, true, StandardCharsets.UTF_8),
        args);
  }

  private String out() {
    return out.toString(StandardCharsets.UTF_8);
  }

  private String err() {
    return err.toString(StandardCharsets.UTF_8);
  }

  /** The rows by trace, policy and capacity. */
  private Map<String, JsonObject> rows(String... args) {
    assertEquals(0, simulate(args), err());
    Map<String, JsonObject> rows = new LinkedHashMap<>();
    JsonObject object = JsonParser.parseString(out().lines().toList().getLast()).getAsJsonObject();
    for (JsonElement element : object.getAsJsonArray("rows")) {
      JsonObject row = element.getAsJsonObject();
      rows.put(
          row.get("trace").getAsString()
              + " "
              + row.get("policy").getAsString()
              + " "
              + row.get("capacity").getAsInt(),
          row);
    }
    return rows;
  }

  private static double of(JsonObject row, String field) {
    return row.get(field).getAsDouble();
  }

  private Path file(String name, List<TraceRequest> trace) throws IOException {
    return Files.writeString(
        folder.resolve(name),
        trace.stream().map(TraceRequest::json).collect(Collectors.joining("\n")));
  }

  @Test
  void withoutAFile_allPoliciesHaveRowsThatAreTrueWhateverTheTrace() {
    Map<String, JsonObject> rows = rows("--json", "--requests", "400", "--capacity", "200,1k");
    assertEquals(2 * Policies.all().size(), rows.size());
    for (JsonObject row : rows.values()) {
      String capacity = row.get("capacity").getAsString();
      double block = of(row, "blockHitRate");
      double ceiling =
          of(rows.get("generated-conversation clairvoyant " + capacity), "blockHitRate");
      double all = of(rows.get("generated-conversation unbounded " + capacity), "blockHitRate");
      assertTrue(0 < block && of(row, "prefixBlockHitRate") <= block && block <= all, "" + row);
      assertTrue(of(row, "prefixTokenHitRate") <= 1, "" + row);
      assertEquals(ceiling - block, of(row, "regret"), 1e-12);
      assertTrue(of(row, "regret") >= 0 || row.toString().matches(".*(-prefix|unbounded).*"));
    }
    // what is written does not depend on which core was free
    assertEquals(rows, rows("--json", "--requests", "400", "--capacity", "200,1k"));
    assertNotEquals(
        rows, rows("--json", "--requests", "400", "--capacity", "200,1k", "--seed", "2"));
  }

  @Test
  void files_ofBothFormats_haveRowsAndPicturesOfTheirOwn() throws IOException {
    List<TraceRequest> agent = TraceRecipe.agent(150).generate(1);
    Path json = file("one.jsonl", agent);
    Path csv = folder.resolve("two.csv");
    Files.writeString(
        csv,
        "timestamp,input_length,output_length,hash_ids\n"
            + agent.stream()
                .map(
                    request ->
                        "%d,%d,%d,%s"
                            .formatted(
                                request.timestamp(),
                                request.inputTokens(),
                                request.outputTokens(),
                                Arrays.toString(request.blocks()).replaceAll("[\\[\\],]", "")))
                .collect(Collectors.joining("\n")));
    Path pictures = folder.resolve("a/b");
    Map<String, JsonObject> rows =
        rows(
            "--json",
            "--trace",
            json.toString(),
            "--trace",
            csv.toString(),
            "--capacity",
            "100,300",
            "--policies",
            "lru,arc",
            "--png",
            pictures.toString());
    assertEquals(
        Set.of(
            "one lru 100",
            "one arc 100",
            "one lru 300",
            "one arc 300",
            "two lru 100",
            "two arc 100",
            "two lru 300",
            "two arc 300"),
        rows.keySet());
    JsonObject same = rows.get("two lru 300").deepCopy();
    same.addProperty("trace", "one");
    assertEquals(rows.get("one lru 300"), same);
    try (Stream<Path> files = Files.list(pictures)) {
      assertEquals(
          List.of("one.png", "two.png"),
          files.map(file -> file.getFileName().toString()).sorted().toList());
    }
    BufferedImage picture = ImageIO.read(pictures.resolve("one.png").toFile());
    assertEquals(1100, picture.getWidth());
  }

  @Test
  void table_forPeople_hasALineForEachPolicy() {
    assertEquals(
        0, simulate("--requests", "100", "--capacity", "1k", "--policies", "lru,s3-fifo"), err());
    List<String> lines = out().lines().toList();
    assertEquals(5, lines.size());
    assertTrue(
        lines.get(0).matches("generated-conversation: 100 requests, .* blocks of 512 tokens"));
    assertEquals("  blocks that fit    │ 1,000", lines.get(1).stripTrailing());
    assertEquals("  policy             │  block prefix tokens regret", lines.get(2));
    assertTrue(lines.get(3).matches("  lru                │( 0\\.\\d{4}){4}"), lines.get(3));
    assertTrue(lines.get(4).matches("  s3-fifo            │( 0\\.\\d{4}){4}"), lines.get(4));
    assertEquals("", err());
  }

  /** The table of the docs is what the command that stands above it prints. */
  @Test
  void docs_haveTheTableThatTheirCommandPrints() throws IOException {
    String docs = Files.readString(Path.of("../docs/replacement.md"));
    String command = docs.lines().filter(line -> line.startsWith("./kv simulate")).toList().get(0);
    String[] args = command.split(" ", -1);
    assertEquals(0, simulate(Arrays.copyOfRange(args, 2, args.length)), err());
    String table =
        docs.lines().filter(line -> line.startsWith("|")).collect(Collectors.joining("\n"));
    assertEquals(out().strip(), table);
  }

  @Test
  void tiers_haveLoadsAndTheTimeTheyCostAndSave() {
    String[] args = {
      "--json",
      "--generate",
      "agent",
      "--requests",
      "300",
      "--policies",
      "lru,unbounded",
      "--tiers",
      "host:100k:1MB/s,disk:1m:100kB/s",
      "--block-bytes",
      "1k",
      "--prefill",
      "1000"
    };
    JsonObject row = rows(args).get("generated-agent lru 1124");
    long host = row.getAsJsonArray("tiers").get(0).getAsJsonObject().get("prefixHits").getAsLong();
    long disk = row.getAsJsonArray("tiers").get(1).getAsJsonObject().get("prefixHits").getAsLong();
    assertTrue(host > 0 && disk > 0, "" + row);
    assertEquals(host * 1024 / 1e6 + disk * 1024 / 1e5, of(row, "loadSeconds"), 1e-9);
    long tokens =
        TraceRecipe.agent(300).generate(1).stream().mapToLong(TraceRequest::inputTokens).sum();
    assertEquals(
        of(row, "prefixTokenHitRate") * tokens / 1000 - of(row, "loadSeconds"),
        of(row, "savedSeconds"),
        1e-6);
    String[] text = Arrays.copyOfRange(args, 1, args.length);
    assertEquals(0, simulate(text), err());
    assertTrue(out().contains("host         disk      load, s     saved, s"), out());
  }

  @Test
  void badInput_isRefusedBeforeAnythingIsWritten() throws IOException {
    Path good = file("good.jsonl", TraceRecipe.agent(10).generate(1));
    Path bad = Files.writeString(folder.resolve("bad.jsonl"), "{}\n");
    String pictures = folder.resolve("png").toString();
    assertEquals(
        2, simulate("--trace", good.toString(), "--trace", bad.toString(), "--png", pictures));
    assertEquals(
        "kv simulate: a field is missing: file=" + bad + ", line=1, field=timestamp; mend the line",
        err().strip());
    assertEquals("", out());
    assertTrue(Files.notExists(Path.of(pictures)));

    assertEquals(0, simulate("--help"));
    assertTrue(out().contains("unbounded; all") && out().contains("fifo, lru, "), out());
    assertEquals(2, simulate("--policies", "mru"));
    assertTrue(err().startsWith("kv simulate: no such replacement policy: name=mru; use one of"));
    assertEquals(2, simulate("--capacity", "1q"));
    assertEquals(2, simulate("--capacity", "0"));
    assertEquals(2, simulate("--generate", "chat"));
    assertEquals(
        "kv simulate: no such kind of trace: kind=chat; use conversation or agent", err().strip());
    assertEquals(2, simulate("--requests", "0"));
    assertEquals(
        "kv simulate: there are requests, a block has tokens, and prefill a speed: requests=0,"
            + " blockTokens=null, prefill=5000.0; leave them out for the defaults",
        err().strip());

    Path taken = Files.writeString(folder.resolve("taken"), "");
    assertEquals(1, simulate("--requests", "5", "--png", taken.toString()));
    assertEquals(
        "kv simulate: the folder for pictures cannot be made: folder=" + taken + "; name another",
        err().strip());
  }
}
