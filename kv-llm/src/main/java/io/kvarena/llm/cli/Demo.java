package io.kvarena.llm.cli;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.kvarena.KvCache;
import io.kvarena.llm.model.LanguageModel;
import io.kvarena.llm.sampling.Sampler;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

/**
 * Both faces of the embedded model: sampled prose, and a pass key hidden in a long prompt, which it
 * can only tell if the cache kept it.
 */
final class Demo {
  private static final String PROSE = "The old man looked at the door and said";
  private static final String REFERENCE = "/io/kvarena/llm/reference.json";

  private final LanguageModel model;
  private final CacheOptions cacheOptions;
  private final PrintStream text;

  Demo(LanguageModel model, CacheOptions cacheOptions, PrintStream text) {
    this.model = model;
    this.cacheOptions = cacheOptions;
    this.text = text;
  }

  /** A prompt with a key in it, and how many tokens tell it. */
  private record Passkey(int[] ids, int answerTokens, String name, String key) {}

  /**
   * Runs both and returns the fields of the JSON object: the second one's, with the first inside.
   */
  Map<String, Object> run(Sampler proseSampler, int proseTokens) {
    text.println(model.name() + ": prose");
    text.println();
    Generation prose;
    int[] ids = model.tokenizer().encode(PROSE);
    TextColumn column = new TextColumn(text, Terminal.isInteractive(), PROSE);
    int count = Math.clamp(proseTokens, 1, model.hyper().contextLength() - ids.length);
    try (KvCache cache = cacheOptions.build(model.shape(), ids.length + count)) {
      prose = Generation.run(model, cache, proseSampler, ids, count, column);
    }
    column.end();
    text.println();
    Map<String, Object> fields = passkey();
    fields.put("prose", new GenerationReport(model, cacheOptions, prose).fields());
    return fields;
  }

  private Map<String, Object> passkey() {
    Passkey passkey = load();
    String prompt = model.tokenizer().decode(passkey.ids());
    String question = "What is the pass key of " + passkey.name() + "?";
    String needle = "The pass key of " + passkey.name() + " is " + passkey.key() + ".";
    int at = prompt.indexOf(needle);
    int back = model.tokenizer().encode(prompt.substring(at)).length;
    text.printf("%s: a pass key %,d tokens back%n%n", model.name(), back);
    text.println("  … " + excerpt(prompt, at, at + needle.length()) + " …");
    text.println("  " + question);
    text.flush();
    Generation answer;
    int count = passkey.answerTokens();
    try (KvCache cache = cacheOptions.build(model.shape(), passkey.ids().length + count)) {
      Generation.Listener quiet =
          new TextColumn(
              new PrintStream(OutputStream.nullOutputStream()), Terminal.isInteractive(), "");
      answer = Generation.run(model, cache, Sampler.GREEDY, passkey.ids(), count, quiet);
    }
    String told = answer.text().strip();
    boolean right = told.equals(passkey.key() + ".") || told.equals(passkey.key());
    text.printf("  %s  %s%n%n", told, right ? "right" : "WRONG, it is " + passkey.key());
    GenerationReport report = new GenerationReport(model, cacheOptions, answer);
    report.table().print(text);
    Map<String, Object> fields = new LinkedHashMap<>(report.fields());
    fields.put("passkey", passkey.key());
    fields.put("passkeyRight", right);
    return fields;
  }

  /** The sentence with what stands around it, on one line. */
  private static String excerpt(String prompt, int from, int to) {
    int start = Math.max(0, from - 60);
    int end = Math.min(prompt.length(), to + 60);
    return prompt.substring(start, end).replace('\n', ' ').strip();
  }

  /** Of the longest prompts the one whose key lies farthest back. */
  private static Passkey load() {
    InputStream in = Objects.requireNonNull(Demo.class.getResourceAsStream(REFERENCE));
    try (InputStreamReader reader = new InputStreamReader(in, StandardCharsets.UTF_8)) {
      JsonObject reference = JsonParser.parseReader(reader).getAsJsonObject();
      JsonObject farthest =
          reference.getAsJsonArray("passkey").asList().stream()
              .map(JsonElement::getAsJsonObject)
              .max(Comparator.comparingDouble(Demo::tokensBack))
              .orElseThrow();
      return new Passkey(
          IdsFile.ints(farthest.getAsJsonArray("ids")),
          farthest.getAsJsonArray("answer_ids").size(),
          farthest.get("name").getAsString(),
          farthest.get("key").getAsString());
    } catch (IOException e) {
      throw new UncheckedIOException(
          "demo data unreadable: resource=" + REFERENCE + "; build kv-llm again", e);
    }
  }

  private static double tokensBack(JsonObject entry) {
    return entry.get("length").getAsInt() * (1 - entry.get("depth").getAsDouble());
  }
}
