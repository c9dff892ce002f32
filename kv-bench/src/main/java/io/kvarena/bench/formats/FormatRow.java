package io.kvarena.bench.formats;

import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One line of the table.
 *
 * @param recipe what was measured
 * @param tensors by the tensors' name
 * @param model the embedded model on such a cache, if it ran
 * @param perplexityChange perplexity over that of the f16 cache, minus 1
 */
record FormatRow(
    Recipe recipe,
    Map<String, Distortion> tensors,
    ModelQuality.@Nullable Result model,
    double perplexityChange) {

  /** Name of the tensors that were dumped from the embedded model. */
  static final String DUMPED = "model";

  /** The model's perplexity; 1 if it did not run. */
  double perplexity() {
    ModelQuality.Result result = model;
    return result == null ? 1 : result.perplexity();
  }

  FormatRow withChange(double change) {
    return new FormatRow(recipe, tensors, model, change);
  }

  JsonObject json() {
    JsonObject row = new JsonObject();
    row.addProperty("format", recipe.format());
    row.addProperty("transform", recipe.transformName());
    row.addProperty("pageTokens", recipe.pageTokens());
    row.addProperty("pinned", recipe.pinnedTokens());
    row.addProperty("bitsPerElement", recipe.bitsPerElement());
    JsonObject all = new JsonObject();
    tensors.forEach(
        (name, distortion) -> {
          JsonObject one = new JsonObject();
          one.addProperty("keyMse", distortion.keyMse());
          one.addProperty("valueMse", distortion.valueMse());
          one.addProperty("logitError", distortion.logitError());
          one.addProperty("outputError", distortion.outputError());
          one.addProperty("attentionKl", distortion.attentionKl());
          all.add(name, one);
        });
    row.add("tensors", all);
    ModelQuality.Result result = model;
    if (result == null) {
      row.add("model", JsonNull.INSTANCE);
    } else {
      JsonObject run = new JsonObject();
      run.addProperty("arenaBitsPerElement", result.arenaBits());
      run.addProperty("transformBytes", result.transformBytes());
      run.addProperty("sealedShareOfBytesRead", result.sealedShare());
      run.addProperty("perplexity", result.perplexity());
      run.addProperty("perplexityChange", perplexityChange);
      run.addProperty("logitKl", result.logitKl());
      run.addProperty("passkeysRight", result.passkeysRight());
      run.addProperty("passkeys", result.passkeys());
      row.add("model", run);
    }
    return row;
  }
}
