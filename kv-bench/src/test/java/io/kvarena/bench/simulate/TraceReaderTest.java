package io.kvarena.bench.simulate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.kvarena.fixtures.trace.TraceRecipe;
import io.kvarena.fixtures.trace.TraceRequest;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TraceReaderTest {

  private static final String GOOD =
      "{\"timestamp\": 1, \"input_length\": 600, \"output_length\": 2, \"hash_ids\": [0, 1]}\n";

  @TempDir private Path folder;

  private Path file(String name, String text) {
    try {
      return Files.writeString(folder.resolve(name), text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private String refusal(Path file) {
    String message =
        assertThrows(IllegalArgumentException.class, () -> TraceReader.read(file)).getMessage();
    return message.replace(folder.toString(), "DIR");
  }

  @Test
  void jsonLines_ofAGeneratedTrace_areReadAsTheyWereWritten() {
    for (TraceRecipe recipe : List.of(TraceRecipe.conversation(200), TraceRecipe.agent(200))) {
      List<TraceRequest> trace = recipe.generate(1);
      String text = trace.stream().map(TraceRequest::json).collect(Collectors.joining("\n"));
      assertEquals(trace, TraceReader.read(file("t.jsonl", text)));
      assertEquals(recipe.blockTokens(), BlockTokens.of("t", trace));
    }
  }

  @Test
  void csv_ofAGeneratedTrace_isReadAsItWasWritten() {
    List<TraceRequest> trace = TraceRecipe.agent(200).generate(2);
    StringBuilder text =
        new StringBuilder("hash_ids, timestamp,session,output_length,input_length\n");
    for (TraceRequest request : trace) {
      text.append(
              Arrays.stream(request.blocks())
                  .mapToObj(Long::toString)
                  .collect(Collectors.joining(" ")))
          .append(',')
          .append(request.timestamp())
          .append(',')
          .append(request.session())
          .append(", ")
          .append(request.outputTokens())
          .append(',')
          .append(request.inputTokens())
          .append("\n\n");
    }
    assertEquals(trace, TraceReader.read(file("t.CSV", text.toString())));
  }

  @Test
  void fieldsOfOthers_areDroppedAndEmptyLinesPassed() {
    Path file =
        file(
            "t.jsonl",
            "\n" + GOOD.replace("{", "{\"model\": {\"a\": [1]}, \"hash\": null, ") + "\n");
    assertEquals(
        List.of(new TraceRequest(1, null, 600, 2, new long[] {0, 1})), TraceReader.read(file));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{\"timestamp\": 1, \"input_length\": 6} | a field is missing | field=hash_ids",
        "{\"input_length\": 6, \"hash_ids\": []} | a field is missing | field=timestamp",
        "{\"timestamp\": 1.5, \"input_length\": 6, \"hash_ids\": []} | not a whole number |"
            + " text={\"timestamp\": 1.5, \"input_length\": 6, \"hash_ids\": []}",
        "{\"timestamp\": 2, \"input_length\": \"6\"} | not a whole number |"
            + " text={\"timestamp\": 2, \"input_length\": \"6\"}",
        "{\"timestamp\": 2, \"input_len | not a JSON object with the fields of a request |"
            + " text={\"timestamp\": 2, \"input_len",
        "[1] | not a JSON object with the fields of a request | text=[1]",
        "hello, this is a file of another kind that has quite long lines and no braces | not a JSON"
            + " object with the fields of a request | text=hello, this is a file of another kind"
            + " that has quite long l…",
        "{\"timestamp\": 0, \"input_length\": 6, \"hash_ids\": []} | the trace goes back in time |"
            + " timestamp=0",
        "{\"timestamp\": 2, \"input_length\": -6, \"hash_ids\": []} | times and lengths are not"
            + " negative and lengths have a bound | timestamp=2, input_length=-6, output_length=0"
      })
  void jsonLine_thatIsNoRequest_isNamed(String line, String what, String detail) {
    assertEquals(
        what + ": file=DIR/t.jsonl, line=2, " + detail + "; mend the line",
        refusal(file("t.jsonl", GOOD + line)));
  }

  @Test
  void csvLine_thatIsNoRequest_isNamed() {
    String head = "timestamp,input_length,output_length,hash_ids\n1,5,5,0\n";
    assertEquals(
        "another number of fields than columns: file=DIR/t.csv, line=3, fields=2, columns=4; mend"
            + " the line",
        refusal(file("t.csv", head + "1,2")));
    assertEquals(
        "not a whole number: file=DIR/t.csv, line=3, text=1,2,3,0;1; mend the line",
        refusal(file("t.csv", head + "1,2,3,0;1")));
    assertEquals(
        "a column is missing: file=DIR/t.csv, line=1, column=input_length; mend the line",
        refusal(file("t.csv", "timestamp,output_length,hash_ids\n")));
  }

  @Test
  void fileThatIsNoTrace_isRefused() throws IOException {
    assertEquals(
        "no such trace: file=DIR/none.jsonl; name one that is",
        refusal(folder.resolve("none.jsonl")));
    assertEquals(
        "the trace has no requests: file=DIR/t.jsonl; name one that has",
        refusal(file("t.jsonl", "\n")));
    assertEquals(
        "the trace has no requests: file=DIR/t.csv; name one that has", refusal(file("t.csv", "")));
    Path latin = folder.resolve("l.jsonl");
    Files.write(latin, "{\"session\": \"é\"}".getBytes(StandardCharsets.ISO_8859_1));
    assertEquals(
        "the trace is not UTF-8: file=DIR/l.jsonl; convert it, or unpack it", refusal(latin));
  }

  /** A prompt of several blocks leaves one size; the last block may be partial or missing. */
  @Test
  void blockTokens_ofRequests_areTheSizeThatExplainsAll() {
    List<TraceRequest> partial = new ArrayList<>();
    List<TraceRequest> full = new ArrayList<>();
    for (int tokens : new int[] {7, 100, 1000, 4097}) {
      partial.add(new TraceRequest(0, null, tokens, 0, new long[(tokens + 63) / 64]));
      full.add(new TraceRequest(0, null, tokens, 0, new long[tokens / 64]));
    }
    assertEquals(64, BlockTokens.of("t", partial));
    assertEquals(64, BlockTokens.of("t", full));
    assertEquals(512, BlockTokens.of("t", List.of(partial.get(0))));
    full.add(new TraceRequest(0, null, 10, 0, new long[5]));
    assertEquals(
        "no size of blocks fits all input_length and hash_ids: trace=t; give it with"
            + " --block-tokens",
        assertThrows(IllegalArgumentException.class, () -> BlockTokens.of("t", full)).getMessage());
  }
}
