package io.kvarena.llm.model;

import io.kvarena.Rope;
import io.kvarena.Rope.Pairing;
import io.kvarena.RopeScaling;
import io.kvarena.llm.gguf.GgufException;
import io.kvarena.llm.gguf.GgufTensor;

/** How a file declares its rotary embedding and the scaling of it. */
final class RopeReader {
  private static final String DIVISORS = "rope_freqs.weight";

  private RopeReader() {}

  static Rope read(Keys keys, Pairing pairing, int keyDim) {
    // an odd key cannot turn in its last channel
    int dims = keys.integer("rope.dimension_count", 0, keyDim, keyDim - keyDim % 2);
    if (dims == 0) {
      return Rope.NONE;
    }
    if (dims % 2 != 0) {
      throw new GgufException(
          "rotary dimensions must be even: file="
              + keys.gguf().file()
              + ", key="
              + keys.key("rope.dimension_count")
              + ", value="
              + dims
              + "; the file is damaged, fetch it again");
    }
    double theta = keys.positive("rope.freq_base", 10_000);
    return new Rope(pairing, dims, theta, scaling(keys, dims));
  }

  private static RopeScaling scaling(Keys keys, int dims) {
    GgufTensor divisors = keys.gguf().tensor(DIVISORS);
    if (divisors != null) {
      return divisors(keys, divisors, dims);
    }
    // files older than rope.scaling.* say the same with rope.scale_linear
    double factor = keys.positive("rope.scaling.factor", keys.positive("rope.scale_linear", 1));
    String type = keys.text("rope.scaling.type", factor == 1 ? "none" : "linear");
    return switch (type) {
      case "none" -> RopeScaling.NONE;
      case "linear" -> new RopeScaling.Linear(factor);
      case "yarn" -> yarn(keys, factor);
      default ->
          throw new GgufException(
              "RoPE scaling not supported: file="
                  + keys.gguf().file()
                  + ", key="
                  + keys.key("rope.scaling.type")
                  + ", value="
                  + type
                  + "; use a model with none, linear or yarn scaling, or rope_freqs.weight");
    };
  }

  private static RopeScaling yarn(Keys keys, double factor) {
    int context = keys.integer("context_length", 1, Integer.MAX_VALUE);
    double magnitude =
        keys.positive("rope.scaling.attn_factor", 1) * (1 + 0.1 * Math.log(Math.max(1, factor)));
    return new RopeScaling.Yarn(
        factor,
        keys.integer("rope.scaling.original_context_length", 1, Integer.MAX_VALUE, context),
        keys.positive("rope.scaling.yarn_beta_fast", 32),
        keys.positive("rope.scaling.yarn_beta_slow", 1),
        magnitude);
  }

  /** Llama 3's scaling comes as a tensor of divisors, one for each pair. */
  private static RopeScaling divisors(Keys keys, GgufTensor tensor, int dims) {
    if (tensor.rows() != 1 || tensor.rowValues() != dims / 2) {
      throw WeightLoader.wrongShape(keys.gguf(), tensor, 1, dims / 2);
    }
    float[] perPair = new float[dims / 2];
    tensor.decodeRow(0, perPair);
    for (float divisor : perPair) {
      if (!(divisor > 0) || !Float.isFinite(divisor)) {
        throw new GgufException(
            "RoPE divisor must be positive: file="
                + keys.gguf().file()
                + ", tensor="
                + tensor.name()
                + ", value="
                + divisor
                + "; the file is damaged, fetch it again");
      }
    }
    return new RopeScaling.Divisors(perPair);
  }
}
