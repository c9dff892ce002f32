package io.kvarena.llm.model;

import io.kvarena.llm.gguf.GgufBuilder;
import io.kvarena.llm.gguf.TensorType;
import io.kvarena.llm.tokenizer.SmallVocabularies;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * A random model of two layers, as the bytes of a file and as the double-precision values that the
 * file means, by tensor name.
 */
final class TinyModel {
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

  /** Which tokenizer the file carries. */
  enum Vocabulary {
    LLAMA,
    GPT2
  }

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
  final int vocabulary;

  /** Values of every tensor, rows one after the other. */
  final Map<String, double[]> values = new HashMap<>();

  private final GgufBuilder builder = new GgufBuilder();
  private final SplittableRandom random;
  private final TensorType type;

  TinyModel(Family family, TensorType type, Vocabulary tokens, long seed) {
    this.family = family;
    this.type = type;
    this.random = new SplittableRandom(seed);
    this.kvHeads = family == Family.SMOLLM ? 4 : 2;
    this.headDim = family == Family.QWEN3 || family == Family.MISTRAL ? 32 : 16;
    this.window = family == Family.MISTRAL ? 6 : 0;
    this.theta = family == Family.SMOLLM ? 100_000 : 10_000;
    this.ropeFactor = family == Family.QWEN3 ? 4 : 1;
    this.vocabulary = tokens == Vocabulary.LLAMA ? llamaTokens() : gpt2Tokens();
    sizes();
    tensors();
  }

  byte[] file() {
    return builder.build();
  }

  private int llamaTokens() {
    List<String> tokens = SmallVocabularies.sentencePieceBytes();
    List<Integer> types = new ArrayList<>(List.of(2, 3, 3));
    types.addAll(Collections.nCopies(256, 6));
    List<Float> scores = new ArrayList<>(Collections.nCopies(259, 0f));
    for (String piece : List.of("\u2581", "t", "h", "e", "\u2581t", "he", "\u2581the")) {
      tokens.add(piece);
      types.add(1);
      scores.add(-(float) tokens.size());
    }
    builder
        .text("tokenizer.ggml.model", "llama")
        .texts("tokenizer.ggml.tokens", tokens)
        .integers("tokenizer.ggml.token_type", types)
        .reals("tokenizer.ggml.scores", scores)
        .u32("tokenizer.ggml.bos_token_id", 1)
        .u32("tokenizer.ggml.eos_token_id", 2);
    return tokens.size();
  }

  private int gpt2Tokens() {
    List<String> tokens = new ArrayList<>(SmallVocabularies.byteSpellings());
    List<String> merges = List.of("\u0120 t", "h e", "\u0120t he");
    merges.forEach(merge -> tokens.add(merge.replace(" ", "")));
    tokens.add("<|endoftext|>");
    List<Integer> types = new ArrayList<>(Collections.nCopies(tokens.size() - 1, 1));
    types.add(3);
    builder
        .text("tokenizer.ggml.model", "gpt2")
        .text("tokenizer.ggml.pre", family.architecture.startsWith("qwen") ? "qwen2" : "smollm")
        .texts("tokenizer.ggml.tokens", tokens)
        .texts("tokenizer.ggml.merges", merges)
        .integers("tokenizer.ggml.token_type", types)
        .u32("tokenizer.ggml.eos_token_id", tokens.size() - 1);
    return tokens.size();
  }

  private void sizes() {
    String prefix = family.architecture + ".";
    builder
        .text("general.architecture", family.architecture)
        .text("general.name", "tiny " + family.name().toLowerCase(Locale.ROOT))
        .u32(prefix + "block_count", layers)
        .u32(prefix + "context_length", 64)
        .u32(prefix + "embedding_length", dim)
        .u32(prefix + "feed_forward_length", hidden)
        .u32(prefix + "attention.head_count", heads)
        .u32(prefix + "attention.head_count_kv", kvHeads)
        .real(prefix + "attention.layer_norm_rms_epsilon", (float) epsilon)
        .real(prefix + "rope.freq_base", (float) theta);
    if (headDim != dim / heads) {
      builder
          .u32(prefix + "attention.key_length", headDim)
          .u32(prefix + "attention.value_length", headDim);
    }
    if (window > 0) {
      builder.u32(prefix + "attention.sliding_window", window);
    }
    if (ropeFactor != 1) {
      builder
          .text(prefix + "rope.scaling.type", "linear")
          .real(prefix + "rope.scaling.factor", (float) ropeFactor);
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
      double[] divisors = new double[headDim / 2];
      Arrays.setAll(divisors, pair -> 1 + pair / 2);
      put("rope_freqs.weight", TensorType.F32, divisors, headDim / 2);
    }
  }

  private void matrix(String name, int rows, int rowValues, double size) {
    double[] wanted = new double[rows * rowValues];
    Arrays.setAll(wanted, i -> size * (2 * random.nextDouble() - 1));
    put(name, type, wanted, rowValues, rows);
  }

  private void norm(String name, int length) {
    double[] wanted = new double[length];
    Arrays.setAll(wanted, i -> 0.5 + random.nextDouble());
    put(name, TensorType.F32, wanted, length);
  }

  private void bias(String name, int length) {
    double[] wanted = new double[length];
    Arrays.setAll(wanted, i -> 2 * random.nextDouble() - 1);
    put(name, TensorType.F32, wanted, length);
  }

  private void put(String name, TensorType stored, double[] wanted, long... shape) {
    WeightBlocks blocks = WeightBlocks.of(stored, wanted);
    values.put(name, blocks.values());
    builder.tensor(name, stored.id(), blocks.bytes(), shape);
  }
}
