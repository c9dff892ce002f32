package io.kvarena.llm.model;

import io.kvarena.fixtures.gguf.GgufWriter;
import io.kvarena.fixtures.gguf.TinyVocabulary;
import io.kvarena.fixtures.gguf.WeightType;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * A random model of two layers, as the bytes of a file and as the values that the file means, by
 * tensor name. Each family has what sets it apart and one thing more that files of its kind may
 * have.
 */
final class FamilyModel {
  /** The families, each with what sets it apart. */
  enum Family {
    /** Untied output, RoPE divisors, four query heads on two KV heads. */
    LLAMA("llama"),
    /** A sliding window, an architecture name of its own, heads wider than dim / heads. */
    MISTRAL("mistral"),
    /** Biases, tied embeddings, halves turned together. */
    QWEN2("qwen2"),
    /** Normed heads, head dimension that is not dim / heads, linear RoPE scaling. */
    QWEN3("qwen3"),
    /** Tied embeddings, as many KV heads as query heads, a large theta. */
    SMOLLM("llama");

    final String architecture;

    Family(String architecture) {
      this.architecture = architecture;
    }
  }

  private static final int VOCABULARY = TinyVocabulary.SIZE_MIN;

  final Family family;
  final int layers = 2;
  final int dim = 64;
  final int heads = 4;
  final int kvHeads;
  final int headDim;
  final int hidden = 96;
  final int window;
  final double theta;
  final double ropeFactor;
  final double epsilon = 1e-5f;
  final int vocabulary = VOCABULARY;

  /** Values of every tensor, rows one after the other. */
  final Map<String, float[]> values = new HashMap<>();

  private final GgufWriter file = new GgufWriter();
  private final SplittableRandom random;
  private final WeightType type;

  FamilyModel(Family family, WeightType type, String tokenizer, long seed) {
    this.family = family;
    this.type = type;
    this.random = new SplittableRandom(seed);
    this.kvHeads = family == Family.SMOLLM ? 4 : 2;
    this.headDim = family == Family.QWEN3 || family == Family.MISTRAL ? 32 : 16;
    this.window = family == Family.MISTRAL ? 6 : 0;
    this.theta = family == Family.SMOLLM ? 100_000 : 10_000;
    this.ropeFactor = family == Family.QWEN3 ? 4 : 1;
    TinyVocabulary tokens =
        tokenizer.equals("llama")
            ? TinyVocabulary.llama(VOCABULARY, random)
            : TinyVocabulary.gpt2(VOCABULARY, random);
    sizes();
    tokens(tokens);
    tensors();
  }

  byte[] gguf() {
    return file.bytes();
  }

  private void tokens(TinyVocabulary tokens) {
    file.put("tokenizer.ggml.model", tokens.model())
        .put("tokenizer.ggml.tokens", tokens.pieces())
        .put("tokenizer.ggml.token_type", tokens.types())
        .put("tokenizer.ggml.bos_token_id", tokens.bos())
        .put("tokenizer.ggml.eos_token_id", tokens.eos());
    if (tokens.model().equals("llama")) {
      file.put("tokenizer.ggml.scores", tokens.scores());
    } else {
      file.put("tokenizer.ggml.pre", family.architecture.startsWith("qwen") ? "qwen2" : "smollm")
          .put("tokenizer.ggml.merges", tokens.merges());
    }
  }

  private void sizes() {
    String prefix = family.architecture + ".";
    file.put("general.architecture", family.architecture)
        .put("general.name", "tiny " + family.name().toLowerCase(Locale.ROOT))
        .put(prefix + "block_count", layers)
        .put(prefix + "context_length", 64)
        .put(prefix + "embedding_length", dim)
        .put(prefix + "feed_forward_length", hidden)
        .put(prefix + "attention.head_count", heads)
        .put(prefix + "attention.head_count_kv", kvHeads)
        .put(prefix + "attention.layer_norm_rms_epsilon", (float) epsilon)
        .put(prefix + "rope.freq_base", (float) theta);
    if (headDim != dim / heads) {
      file.put(prefix + "attention.key_length", headDim)
          .put(prefix + "attention.value_length", headDim);
    }
    if (window > 0) {
      file.put(prefix + "attention.sliding_window", window);
    }
    if (ropeFactor != 1) {
      file.put(prefix + "rope.scaling.type", "linear")
          .put(prefix + "rope.scaling.factor", (float) ropeFactor);
    }
  }

  private void tensors() {
    matrix("token_embd.weight", vocabulary, dim, 1);
    for (int layer = 0; layer < layers; layer++) {
      String block = "blk." + layer + ".";
      int queries = heads * headDim;
      int keys = kvHeads * headDim;
      norm(block + "attn_norm.weight", dim);
      matrix(block + "attn_q.weight", queries, dim, 0.3);
      matrix(block + "attn_k.weight", keys, dim, 0.3);
      matrix(block + "attn_v.weight", keys, dim, 0.2);
      if (family == Family.QWEN2) {
        bias(block + "attn_q.bias", queries);
        bias(block + "attn_k.bias", keys);
        bias(block + "attn_v.bias", keys);
      }
      if (family == Family.QWEN3) {
        norm(block + "attn_q_norm.weight", headDim);
        norm(block + "attn_k_norm.weight", headDim);
      }
      matrix(block + "attn_output.weight", dim, queries, 0.2);
      norm(block + "ffn_norm.weight", dim);
      matrix(block + "ffn_gate.weight", hidden, dim, 0.2);
      matrix(block + "ffn_up.weight", hidden, dim, 0.2);
      matrix(block + "ffn_down.weight", dim, hidden, 0.2);
    }
    norm("output_norm.weight", dim);
    if (family == Family.LLAMA) {
      matrix("output.weight", vocabulary, dim, 0.3);
      float[] divisors = new float[headDim / 2];
      for (int pair = 0; pair < divisors.length; pair++) {
        divisors[pair] = 1 + pair / 2;
      }
      put("rope_freqs.weight", WeightType.F32, divisors, divisors.length);
    }
  }

  private void matrix(String name, int rows, int rowValues, double size) {
    put(name, type, uniform(rows * rowValues, 0, size), rowValues);
  }

  private void norm(String name, int length) {
    put(name, WeightType.F32, uniform(length, 1, 0.5), length);
  }

  private void bias(String name, int length) {
    put(name, WeightType.F32, uniform(length, 0, 1), length);
  }

  private float[] uniform(int count, double mean, double reach) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) (mean + reach * (2 * random.nextDouble() - 1));
    }
    return values;
  }

  private void put(String name, WeightType stored, float[] wanted, int rowValues) {
    values.put(name, file.tensor(name, stored, wanted, rowValues));
  }
}
