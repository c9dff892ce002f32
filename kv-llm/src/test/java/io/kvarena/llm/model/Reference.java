package io.kvarena.llm.model;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** What the embedded model must say, from reference.json: computed in double precision. */
record Reference(List<Greedy> greedy, List<Window> windows, List<Passkey> passkeys) {

  /** A greedy continuation, with the margin between the two best logits at each token. */
  record Greedy(String prompt, int[] promptIds, int[] continuationIds, double[] margins) {}

  /** A window of text and the NLL of each token but the first. */
  record Window(int[] ids, double[] nll) {}

  /** A prompt that hides a key, and the tokens of the answer. */
  record Passkey(int[] ids, int[] answerIds) {}

  static Reference load() {
    try (InputStream in = Reference.class.getResourceAsStream("/io/kvarena/llm/reference.json")) {
      JsonObject root =
          JsonParser.parseReader(new InputStreamReader(in, StandardCharsets.UTF_8))
              .getAsJsonObject();
      return new Reference(
          list(
              root,
              "greedy",
              o ->
                  new Greedy(
                      o.get("prompt").getAsString(),
                      ints(o, "prompt_ids"),
                      ints(o, "continuation_ids"),
                      doubles(o, "top2_margin"))),
          list(root, "perplexity", o -> new Window(ints(o, "ids"), doubles(o, "nll"))),
          list(root, "passkey", o -> new Passkey(ints(o, "ids"), ints(o, "answer_ids"))));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static <T> List<T> list(JsonObject root, String name, Function<JsonObject, T> read) {
    List<T> all = new ArrayList<>();
    for (JsonElement element : root.getAsJsonArray(name)) {
      all.add(read.apply(element.getAsJsonObject()));
    }
    return all;
  }

  private static int[] ints(JsonObject object, String name) {
    JsonArray array = object.getAsJsonArray(name);
    int[] ints = new int[array.size()];
    for (int i = 0; i < ints.length; i++) {
      ints[i] = array.get(i).getAsInt();
    }
    return ints;
  }

  private static double[] doubles(JsonObject object, String name) {
    JsonArray array = object.getAsJsonArray(name);
    double[] doubles = new double[array.size()];
    for (int i = 0; i < doubles.length; i++) {
      doubles[i] = array.get(i).getAsDouble();
    }
    return doubles;
  }
}
