package io.kvarena.llm;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;

/** What a float64 forward pass of the embedded model says; see its MODEL_CARD. */
public record Reference(List<Greedy> greedy, List<Window> windows, List<Passkey> passkeys) {

  /**
   * A prompt and the likeliest tokens after it, with the lead of each over the second likeliest.
   */
  public record Greedy(String prompt, int[] promptIds, int[] continuationIds, double[] margins) {}

  /** A text and the negative log-likelihood of each of its tokens after the first. */
  public record Window(int[] ids, double[] nll) {}

  /** A prompt that hides a key, and the tokens that tell it. */
  public record Passkey(int length, int[] ids, int[] answerIds) {}

  public static Reference load() {
    var in = Reference.class.getResourceAsStream("/io/kvarena/llm/reference.json");
    try (var reader = new InputStreamReader(Objects.requireNonNull(in), StandardCharsets.UTF_8)) {
      JsonObject all = JsonParser.parseReader(reader).getAsJsonObject();
      return new Reference(
          list(
              all.getAsJsonArray("greedy"),
              e ->
                  new Greedy(
                      e.get("prompt").getAsString(),
                      ints(e, "prompt_ids"),
                      ints(e, "continuation_ids"),
                      doubles(e, "top2_margin"))),
          list(
              all.getAsJsonArray("perplexity"), e -> new Window(ints(e, "ids"), doubles(e, "nll"))),
          list(
              all.getAsJsonArray("passkey"),
              e -> new Passkey(e.get("length").getAsInt(), ints(e, "ids"), ints(e, "answer_ids"))));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static <T> List<T> list(JsonArray array, Function<JsonObject, T> read) {
    return array.asList().stream().map(JsonElement::getAsJsonObject).map(read).toList();
  }

  private static int[] ints(JsonObject object, String name) {
    return object.getAsJsonArray(name).asList().stream().mapToInt(JsonElement::getAsInt).toArray();
  }

  private static double[] doubles(JsonObject object, String name) {
    return object.getAsJsonArray(name).asList().stream()
        .mapToDouble(JsonElement::getAsDouble)
        .toArray();
  }
}
