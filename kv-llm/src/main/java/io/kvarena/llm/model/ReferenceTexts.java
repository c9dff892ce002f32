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
import java.util.List;

/**
 * Texts on which the embedded model is judged, as token ids; its MODEL_CARD says where they are
 * from.
 *
 * @param windows texts of 2,048 tokens each, whose perplexity is known
 * @param passkeys prompts that hide a number
 */
public record ReferenceTexts(List<int[]> windows, List<Passkey> passkeys) {

  private static final String RESOURCE = "/io/kvarena/llm/reference.json";

  /**
   * A prompt that hides a number and asks for it.
   *
   * @param ids the prompt, 256 to 2,042 tokens
   * @param answer the tokens that tell the number
   */
  public record Passkey(int[] ids, int[] answer) {}

  /** The texts that come with this module. */
  public static ReferenceTexts embedded() {
    try (InputStream in = ReferenceTexts.class.getResourceAsStream(RESOURCE)) {
      if (in == null) {
        throw new IllegalStateException(
            "reference texts missing: resource=" + RESOURCE + "; build kv-llm with its resources");
      }
      JsonObject all =
          JsonParser.parseReader(new InputStreamReader(in, StandardCharsets.UTF_8))
              .getAsJsonObject();
      return new ReferenceTexts(
          objects(all.getAsJsonArray("perplexity")).stream()
              .map(window -> ids(window, "ids"))
              .toList(),
          objects(all.getAsJsonArray("passkey")).stream()
              .map(passkey -> new Passkey(ids(passkey, "ids"), ids(passkey, "answer_ids")))
              .toList());
    } catch (IOException e) {
      throw new UncheckedIOException(
          "reference texts unreadable: resource=" + RESOURCE + "; build kv-llm again", e);
    }
  }

  private static List<JsonObject> objects(JsonArray array) {
    return array.asList().stream().map(JsonElement::getAsJsonObject).toList();
  }

  private static int[] ids(JsonObject object, String name) {
    return object.getAsJsonArray(name).asList().stream().mapToInt(JsonElement::getAsInt).toArray();
  }
}
