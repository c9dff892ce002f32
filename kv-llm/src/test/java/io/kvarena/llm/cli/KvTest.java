package io.kvarena.llm.cli;

import static io.kvarena.llm.cli.CommandRun.run;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.kvarena.llm.Reference;
import io.kvarena.llm.gguf.GgufBuilder;
import io.kvarena.llm.model.LanguageModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The command as a person or a program meets it: arguments in, two streams and a code out. */
class KvTest {
  @AfterEach
  void restore() {
    CommandRun.restoreStreams();
  }

  private static List<Integer> ints(JsonElement array) {
    return array.getAsJsonArray().asList().stream().map(JsonElement::getAsInt).toList();
  }

  @Test
  void generate_json_isOneObjectOnOutputAndTheRestOnError() {
    Reference.Greedy greedy = Reference.load().greedy().get(1);
    String ids =
        Arrays.stream(greedy.promptIds())
            .mapToObj(Integer::toString)
            .collect(Collectors.joining(","));
    CommandRun result =
        run(
            "generate",
            "--prompt-ids",
            ids,
            "--tokens",
            "64",
            "--keys",
            "f32",
            "--values",
            "f32",
            "--json");
    assertEquals(0, result.code(), result.err());
    assertEquals(1, result.out().lines().count());
    JsonObject json = result.json();
    for (String field :
        List.of(
            "model",
            "kernel",
            "keys",
            "values",
            "promptIds",
            "generatedIds",
            "text",
            "kvBytes",
            "kvBytesF16",
            "tokensPerSecond")) {
      assertTrue(json.has(field), field);
    }
    assertEquals(
        Arrays.stream(greedy.continuationIds()).boxed().toList(), ints(json.get("generatedIds")));
    assertEquals("f32", json.get("keys").getAsString());
    // the last token is not fed back: 15 + 63 tokens of 1,536 f16 values
    assertEquals(78 * 3072, json.get("kvBytesF16").getAsLong());
    try (LanguageModel model = LanguageModel.embedded()) {
      assertEquals(
          model.tokenizer().decodeContinuation(greedy.continuationIds()),
          json.get("text").getAsString());
    }
    assertTrue(result.err().contains("KV cache"), result.err());
  }

  @Test
  void generate_prompt_streamsTextAndEndsWithATable() {
    CommandRun result = run("generate", "--prompt", "Once upon a time", "--tokens", "12");
    assertEquals(0, result.code(), result.err());
    assertTrue(result.out().startsWith("Once upon a time"), result.out());
    for (String row : List.of("tokens", "KV cache", "per token", "pages", "kernel", "KV read")) {
      assertTrue(result.out().contains("\n  " + row + " "), row + " in " + result.out());
    }
    assertEquals("", result.err());
  }

  @Test
  void generate_equalSeeds_giveEqualTexts() {
    String[] args = {
      "generate",
      "--prompt",
      "The sea",
      "--tokens",
      "20",
      "--temperature",
      "0.9",
      "--json",
      "--seed",
      "7"
    };
    JsonObject first = run(args).json();
    assertEquals(first.get("text"), run(args).json().get("text"));
    args[args.length - 1] = "8";
    assertFalse(first.get("text").equals(run(args).json().get("text")));
  }

  @Test
  void generate_withoutArguments_showsProseAndAnswersThePasskey() {
    CommandRun result = run("generate", "--json", "--tokens", "16");
    assertEquals(0, result.code(), result.err());
    JsonObject json = result.json();
    assertTrue(json.get("passkeyRight").getAsBoolean(), result.err());
    assertEquals("q8_0", json.get("keys").getAsString());
    assertEquals(2042, ints(json.get("promptIds")).size());
    assertEquals(16, ints(json.getAsJsonObject("prose").get("generatedIds")).size());
    assertTrue(result.err().contains("  right\n"), result.err());
  }

  @Test
  void perplexity_ofIds_equalsTheReference(@TempDir Path folder) throws IOException {
    Reference.Window window = Reference.load().windows().get(2);
    int[] ids = Arrays.copyOf(window.ids(), 512);
    Path file = folder.resolve("ids.json");
    Files.writeString(file, Arrays.toString(ids));
    CommandRun result =
        run(
            "perplexity",
            "--ids",
            file.toString(),
            "--window",
            "512",
            "--keys",
            "f32",
            "--values",
            "f32",
            "--json");
    assertEquals(0, result.code(), result.err());
    double expected = Arrays.stream(window.nll()).limit(511).average().orElseThrow();
    assertEquals(expected, result.json().get("nll").getAsDouble(), 1e-3);
    assertEquals(
        Math.exp(expected),
        result.json().get("perplexity").getAsDouble(),
        1e-3 * Math.exp(expected));
    assertEquals(511, result.json().get("tokens").getAsInt());
  }

  @Test
  void perplexity_inWindows_givesTheFirstTokenOfEach(@TempDir Path folder) throws IOException {
    Path file = folder.resolve("text.txt");
    Files.writeString(file, "It was raining when the captain came back to the ship.\n".repeat(8));
    CommandRun whole = run("perplexity", "--text", file.toString(), "--json");
    CommandRun cut = run("perplexity", "--text", file.toString(), "--window", "10", "--json");
    assertEquals(0, whole.code(), whole.err());
    int tokens = whole.json().get("tokens").getAsInt() + 1;
    // a window of one token, at the end, has nothing to score
    assertEquals(tokens - Math.ceilDiv(tokens, 10), cut.json().get("tokens").getAsInt());
    assertTrue(
        cut.json().get("perplexity").getAsDouble() > whole.json().get("perplexity").getAsDouble());
  }

  @Test
  void size_predictsBytesWithoutLoadingWeights() {
    CommandRun result =
        run("size", "--context", "2048", "--keys", "q8_0", "--values", "q8_0", "--json");
    assertEquals(0, result.code(), result.err());
    JsonObject json = result.json();
    assertEquals(2048L * 3072, json.get("kvBytesF16").getAsLong());
    // 8.5 bits an element: 34 bytes where f16 takes 64
    assertEquals(2048L * 3072 * 34 / 64, json.get("sealedBytes").getAsLong());
  }

  @Test
  void size_ofTransformsAndAMixOfPages_countsEachPart() {
    CommandRun result =
        run(
            "size",
            "--context",
            "2048",
            "--keys",
            "q4_0+centred+hadamard",
            "--values",
            "q8_0+hadamard",
            "--pinned",
            "20",
            "--recent",
            "100",
            "--json");
    assertEquals(0, result.code(), result.err());
    JsonObject json = result.json();
    assertEquals("q4_0+centred+hadamard", json.get("keys").getAsString());
    assertEquals("q8_0+hadamard", json.get("values").getAsString());
    // 64 pages of 32 tokens, of which 4 stay raw and 1 is pinned; keys of 18 and values of 34 bytes
    // where f16 takes 64.
    long f16PageBytes = 32 * 3072;
    assertEquals(
        f16PageBytes + 59 * f16PageBytes * (18 + 34) / 128, json.get("sealedBytes").getAsLong());
    assertEquals(4 * f16PageBytes, json.get("tailBytesAtRest").getAsLong());
    assertTrue(json.get("transformBytes").getAsLong() > 0);
  }

  @Test
  void generate_underTransformsAndAMixOfPages_namesThemInTheTable() {
    String[] cache = {
      "--keys",
      "q4_0+centred+hadamard",
      "--values",
      "q4_0+hadamard",
      "--pinned",
      "4",
      "--recent",
      "32"
    };
    String[] generate = {"generate", "--prompt", "Once upon a time", "--tokens", "120", "--json"};
    CommandRun result =
        run(
            java.util.stream.Stream.concat(
                    java.util.Arrays.stream(generate), java.util.Arrays.stream(cache))
                .toArray(String[]::new));
    assertEquals(0, result.code(), result.err());
    assertEquals("q4_0+hadamard", result.json().get("values").getAsString());
    assertTrue(
        result.err().contains("keys q4_0+centred+hadamard, values q4_0+hadamard"), result.err());
    assertTrue(result.json().get("transformBytes").getAsLong() > 0);
  }

  @Test
  void doctor_namesTheKernelAndCuresWhatIsMissing() {
    CommandRun result = run("doctor", "--json");
    assertEquals(0, result.code(), result.err());
    for (JsonElement element : result.json().getAsJsonArray("checks")) {
      JsonObject check = element.getAsJsonObject();
      assertEquals(!check.get("ok").getAsBoolean(), check.has("cure"), check.toString());
    }
    assertTrue(result.err().contains("kernel scalar"), result.err());
    assertTrue(result.err().contains("disk I/O channel"), result.err());
    assertTrue(result.err().contains("disk I/O in use"), result.err());
  }

  @Test
  void misuse_isOneLineThatSaysTheWayOut_andCode2() {
    assertMisuse(
        "kv generate: Unknown option: '--foo'; see kv generate --help", "generate", "--foo");
    assertMisuse(
        "kv generate: Invalid value for option '--keys': no such format: name=q9;"
            + " use one of f32 f16 bf16 q8_0 q4_0 int8 fp8_e4m3 turbo4 turbo3 turbo2 kivi4"
            + " kivi2",
        "generate",
        "--keys",
        "q9");
    assertMisuse(
        "kv generate: Invalid value for option '--keys': no such transform: part=rotated,"
            + " name=q4_0+rotated; write FORMAT and any of +centred +balanced +hadamard",
        "generate",
        "--keys",
        "q4_0+rotated");
    assertMisuse(
        "kv size: values are rotated or left alone: values=q8_0+centred; centre and balance keys"
            + " only",
        "size",
        "--values",
        "q8_0+centred");
    assertMisuse(
        "kv size: pinned tokens are not negative: tokens=-4; 0 pins none",
        "size",
        "--pinned",
        "-4");
    assertMisuse(
        "kv generate: token id out of range: id=99999, vocabulary=2048;"
            + " use ids of this model's tokenizer",
        "generate",
        "--prompt-ids",
        "1,99999");
    assertMisuse(
        "kv generate: prompt and answer do not fit the context: prompt=2, tokens=5000,"
            + " context=2048; shorten the prompt, ask for fewer --tokens or raise --context",
        "generate",
        "--prompt",
        "a",
        "--tokens",
        "5000");
    assertMisuse(
        "kv generate: temperature is not negative: temperature=-1.0;"
            + " use 0 for the likeliest token",
        "generate",
        "--prompt",
        "a",
        "--temperature",
        "-1");
    assertMisuse(
        "kv perplexity: --window must be at least 2: window=1; the first token is given",
        "perplexity",
        "--ids",
        "x",
        "--window",
        "1");
    assertMisuse(
        "kv size: --context must be positive: context=-3; give the tokens to hold",
        "size",
        "--context",
        "-3");
    assertMisuse("kv: Unmatched argument at index 0: 'bogus'; see kv --help", "bogus");
  }

  private static void assertMisuse(String message, String... args) {
    assertEquals(new CommandRun(2, "", message + "\n"), run(args));
  }

  @Test
  void failure_isOneLineThatSaysTheWayOut_andCode1(@TempDir Path folder) throws IOException {
    assertFailure(
        "kv generate: no such model file: file=no.gguf; give the path of a .gguf file",
        "generate",
        "--prompt",
        "a",
        "--model",
        "no.gguf");
    Path broken = folder.resolve("broken.gguf");
    Files.write(broken, new GgufBuilder().build());
    assertFailure(
        "kv generate: metadata key missing: file="
            + broken
            + ", key=general.architecture; convert the model again with a current converter",
        "generate",
        "--prompt",
        "a",
        "--model",
        broken.toString());
    Path prose = folder.resolve("prose.txt");
    Files.writeString(prose, "no numbers here");
    assertFailure(
        "kv perplexity: not a JSON array of token ids: file=" + prose + "; write it as [1, 403, 2]",
        "perplexity",
        "--ids",
        prose.toString());
  }

  private static void assertFailure(String message, String... args) {
    assertEquals(new CommandRun(1, "", message + "\n"), run(args));
  }

  @Test
  void failure_withDebug_addsTheStackTrace() {
    CommandRun result = run("generate", "--prompt", "a", "--model", "no.gguf", "--debug");
    assertEquals(1, result.code());
    assertTrue(result.err().contains("\tat io.kvarena.llm"), result.err());
  }

  @Test
  void help_ofEachCommand_exits0() {
    for (String command : List.of("generate", "perplexity", "size", "doctor")) {
      CommandRun result = run(command, "--help");
      assertEquals(0, result.code());
      assertTrue(result.out().startsWith("Usage: kv " + command), result.out());
      assertEquals("", result.err());
    }
    assertTrue(run().out().startsWith("Usage: kv"));
  }
}
