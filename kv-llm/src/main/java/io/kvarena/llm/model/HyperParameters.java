package io.kvarena.llm.model;

import io.kvarena.AttentionParams;
import io.kvarena.KvShape;
import io.kvarena.LayerKind;
import io.kvarena.LayerShape;
import io.kvarena.Rope;
import io.kvarena.llm.gguf.Gguf;
import io.kvarena.llm.gguf.GgufException;
import io.kvarena.llm.gguf.GgufTensor;
import io.kvarena.llm.gguf.Metadata;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The sizes of a model, as its file declares them.
 *
 * @param architecture the family
 * @param contextLength positions it was trained on
 * @param dim width of the residual stream
 * @param vocabulary rows of the embedding
 * @param feedForward width of each layer's hidden layer, [layers]
 * @param normEpsilon added to the mean square in RMSNorm
 * @param shape attention geometry of each layer
 */
public record HyperParameters(
    Architecture architecture,
    int contextLength,
    int dim,
    int vocabulary,
    List<Integer> feedForward,
    float normEpsilon,
    KvShape shape) {
  private static final int LAYERS_MAX = 1 << 10;
  private static final int HEADS_MAX = 1 << 10;
  private static final int WIDTH_MAX = 1 << 20;

  /** How many layers there are. */
  public int layers() {
    return shape.layerCount();
  }

  /** Reads the sizes and checks that they can be those of a model; no weight is touched. */
  public static HyperParameters read(Gguf gguf) {
    Metadata metadata = gguf.metadata();
    Architecture architecture =
        Architecture.named(metadata.text("general.architecture"), gguf.file());
    Keys keys = new Keys(gguf, architecture.id() + ".");
    if (keys.integer("expert_count", 0, Integer.MAX_VALUE, 0) > 0) {
      throw new GgufException(
          "mixture-of-experts models are not supported: file="
              + gguf.file()
              + ", key="
              + keys.key("expert_count")
              + "; use a dense model");
    }
    int layers = keys.integer("block_count", 1, LAYERS_MAX);
    int dim = keys.integer("embedding_length", 1, WIDTH_MAX);
    int[] feedForward = keys.integers("feed_forward_length", layers, 1, WIDTH_MAX);
    GgufTensor embedding = gguf.tensor("token_embd.weight");
    if (embedding == null) {
      throw WeightLoader.missing(gguf, "token_embd.weight");
    }
    return new HyperParameters(
        architecture,
        keys.integer("context_length", 1, Integer.MAX_VALUE),
        dim,
        vocabulary(gguf, embedding),
        Arrays.stream(feedForward).boxed().toList(),
        keys.positive("attention.layer_norm_rms_epsilon", 1e-5f),
        shape(keys, architecture, layers, dim));
  }

  private static int vocabulary(Gguf gguf, GgufTensor embedding) {
    if (embedding.rows() > WIDTH_MAX * 2L) {
      throw new GgufException(
          "vocabulary too large: file="
              + gguf.file()
              + ", tokens="
              + embedding.rows()
              + ", limit="
              + WIDTH_MAX * 2L
              + "; the file is damaged, fetch it again");
    }
    return (int) embedding.rows();
  }

  /** The geometry that the keys declare, which may be impossible. */
  private static KvShape shape(Keys keys, Architecture architecture, int layers, int dim) {
    try {
      return declaredShape(keys, architecture, layers, dim);
    } catch (IllegalArgumentException e) {
      throw new GgufException(
          "impossible attention geometry: file=" + keys.gguf().file() + "; " + e.getMessage(), e);
    }
  }

  private static KvShape declaredShape(Keys keys, Architecture architecture, int layers, int dim) {
    int[] queryHeads = keys.integers("attention.head_count", layers, 1, HEADS_MAX);
    int[] kvHeads =
        keys.has("attention.head_count_kv")
            ? keys.integers("attention.head_count_kv", layers, 1, HEADS_MAX)
            : queryHeads;
    int headDim = Math.max(1, dim / queryHeads[0]);
    int keyDim = keys.integer("attention.key_length", 1, LayerShape.DIM_MAX, headDim);
    int valueDim = keys.integer("attention.value_length", 1, LayerShape.DIM_MAX, headDim);
    int window = keys.integer("attention.sliding_window", 0, Integer.MAX_VALUE, 0);
    LayerKind kind = window == 0 ? LayerKind.FULL : new LayerKind.Sliding(window);
    float scale = keys.positive("attention.scale", (float) (1 / Math.sqrt(keyDim)));
    AttentionParams params = new AttentionParams(scale, 0, new float[0]);
    Rope rope = RopeReader.read(keys, architecture.pairing(), keyDim);
    List<LayerShape> shapes = new ArrayList<>();
    for (int layer = 0; layer < layers; layer++) {
      shapes.add(
          new LayerShape(queryHeads[layer], kvHeads[layer], keyDim, valueDim, kind, rope, params));
    }
    return new KvShape(shapes);
  }
}
