package io.kvarena.llm.model;

import io.kvarena.LayerShape;
import io.kvarena.llm.gguf.Gguf;
import io.kvarena.llm.gguf.GgufException;
import io.kvarena.llm.gguf.GgufTensor;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Finds every tensor that the forward pass needs, with the shape it needs; refuses files that lack
 * one, and files with one that it would not use, since leaving it out would give wrong logits.
 */
final class WeightLoader {
  private final Gguf gguf;
  private final HyperParameters hyper;
  private final Set<String> used = new HashSet<>();

  private WeightLoader(Gguf gguf, HyperParameters hyper) {
    this.gguf = gguf;
    this.hyper = hyper;
  }

  static Weights load(Gguf gguf, HyperParameters hyper) {
    WeightLoader loader = new WeightLoader(gguf, hyper);
    Plan plan = loader.plan();
    loader.refuseUnused();
    loader.refuseTooLarge(plan);
    return plan.weights();
  }

  /** A layer's tensors, before anything is allocated for them. */
  private record LayerPlan(
      GgufTensor attentionNorm,
      List<GgufTensor> queryKeyValue,
      List<@Nullable GgufTensor> biases,
      @Nullable GgufTensor queryNorm,
      @Nullable GgufTensor keyNorm,
      GgufTensor attentionOutput,
      GgufTensor feedForwardNorm,
      List<GgufTensor> gateUp,
      GgufTensor down) {

    long heapBytes() {
      return Matrix.heapBytes(queryKeyValue)
          + Matrix.heapBytes(List.of(attentionOutput))
          + Matrix.heapBytes(gateUp)
          + Matrix.heapBytes(List.of(down));
    }

    LayerWeights weights() {
      return new LayerWeights(
          vector(attentionNorm),
          Matrix.of(queryKeyValue),
          bias(),
          queryNorm == null ? null : vector(queryNorm),
          keyNorm == null ? null : vector(keyNorm),
          Matrix.of(List.of(attentionOutput)),
          vector(feedForwardNorm),
          Matrix.of(gateUp),
          Matrix.of(List.of(down)));
    }

    private float @Nullable [] bias() {
      if (biases.stream().allMatch(tensor -> tensor == null)) {
        return null;
      }
      float[] bias = new float[Matrix.outputs(queryKeyValue)];
      int at = 0;
      for (int i = 0; i < biases.size(); i++) {
        GgufTensor tensor = biases.get(i);
        if (tensor != null) {
          float[] part = vector(tensor);
          System.arraycopy(part, 0, bias, at, part.length);
        }
        at += (int) queryKeyValue.get(i).rows();
      }
      return bias;
    }
  }

  private record Plan(
      GgufTensor embedding, List<LayerPlan> layers, GgufTensor outputNorm, GgufTensor output) {

    long heapBytes() {
      return Matrix.heapBytes(List.of(output))
          + layers.stream().mapToLong(LayerPlan::heapBytes).sum();
    }

    Weights weights() {
      return new Weights(
          embedding,
          layers.stream().map(LayerPlan::weights).toList(),
          vector(outputNorm),
          Matrix.of(List.of(output)));
    }
  }

  private Plan plan() {
    GgufTensor embedding = required("token_embd.weight", hyper.vocabulary(), hyper.dim());
    List<LayerPlan> layers = new ArrayList<>();
    for (int layer = 0; layer < hyper.layers(); layer++) {
      layers.add(layer(layer));
    }
    GgufTensor outputNorm = required("output_norm.weight", 1, hyper.dim());
    GgufTensor output = optional("output.weight", hyper.vocabulary(), hyper.dim());
    // read by RopeReader
    used.add("rope_freqs.weight");
    return new Plan(embedding, layers, outputNorm, output == null ? embedding : output);
  }

  private LayerPlan layer(int index) {
    String block = "blk." + index + ".";
    LayerShape shape = hyper.shape().layer(index);
    int dim = hyper.dim();
    int hidden = hyper.feedForward().get(index);
    int queries = shape.queryHeads() * shape.keyDim();
    int keys = shape.kvHeads() * shape.keyDim();
    int values = shape.kvHeads() * shape.valueDim();
    boolean biased = hyper.architecture() == Architecture.QWEN2;
    boolean normed = hyper.architecture() == Architecture.QWEN3;
    return new LayerPlan(
        required(block + "attn_norm.weight", 1, dim),
        List.of(
            required(block + "attn_q.weight", queries, dim),
            required(block + "attn_k.weight", keys, dim),
            required(block + "attn_v.weight", values, dim)),
        biases(block, biased, queries, keys, values),
        maybe(normed, block + "attn_q_norm.weight", shape.keyDim()),
        maybe(normed, block + "attn_k_norm.weight", shape.keyDim()),
        required(block + "attn_output.weight", dim, (long) shape.queryHeads() * shape.valueDim()),
        required(block + "ffn_norm.weight", 1, dim),
        List.of(
            required(block + "ffn_gate.weight", hidden, dim),
            required(block + "ffn_up.weight", hidden, dim)),
        required(block + "ffn_down.weight", dim, hidden));
  }

  private List<@Nullable GgufTensor> biases(
      String block, boolean required, int queries, int keys, int values) {
    List<@Nullable GgufTensor> biases = new ArrayList<>();
    biases.add(maybe(required, block + "attn_q.bias", queries));
    biases.add(maybe(required, block + "attn_k.bias", keys));
    biases.add(maybe(required, block + "attn_v.bias", values));
    return biases;
  }

  private @Nullable GgufTensor maybe(boolean required, String name, int length) {
    return required ? required(name, 1, length) : optional(name, 1, length);
  }

  private GgufTensor required(String name, long rows, long rowValues) {
    GgufTensor tensor = optional(name, rows, rowValues);
    if (tensor == null) {
      throw missing(gguf, name);
    }
    return tensor;
  }

  private @Nullable GgufTensor optional(String name, long rows, long rowValues) {
    GgufTensor tensor = gguf.tensor(name);
    if (tensor == null) {
      return null;
    }
    used.add(name);
    if (tensor.shape().size() > 2 || tensor.rows() != rows || tensor.rowValues() != rowValues) {
      throw wrongShape(gguf, tensor, rows, rowValues);
    }
    return tensor;
  }

  private void refuseUnused() {
    for (GgufTensor tensor : gguf.tensors()) {
      if (!used.contains(tensor.name())) {
        throw new GgufException(
            "tensor has no place in this architecture: file="
                + gguf.file()
                + ", tensor="
                + tensor.name()
                + ", general.architecture="
                + hyper.architecture().id()
                + "; use a plain model of this family");
      }
    }
  }

  private void refuseTooLarge(Plan plan) {
    long needed = plan.heapBytes();
    long available = Runtime.getRuntime().maxMemory();
    if (needed > available - available / 8) {
      throw new GgufException(
          "model does not fit the heap: file="
              + gguf.file()
              + ", weightBytes="
              + needed
              + ", heapBytes="
              + available
              + "; start Java with a larger -Xmx or use a smaller model");
    }
  }

  private static float[] vector(GgufTensor tensor) {
    float[] vector = new float[(int) tensor.rowValues()];
    tensor.decodeRow(0, vector);
    return vector;
  }

  static GgufException missing(Gguf gguf, String name) {
    return new GgufException(
        "tensor missing: file="
            + gguf.file()
            + ", tensor="
            + name
            + "; convert the model again with a current converter");
  }

  static GgufException wrongShape(Gguf gguf, GgufTensor tensor, long rows, long rowValues) {
    return new GgufException(
        "tensor has the wrong shape: file="
            + gguf.file()
            + ", tensor="
            + tensor.name()
            + ", shape="
            + tensor.shape()
            + ", expected="
            + (rows == 1 ? "[" + rowValues + "]" : "[" + rowValues + ", " + rows + "]")
            + "; convert the model again with a current converter");
  }
}
