package io.kvarena.llm.model;

import io.kvarena.KvSequence;
import java.util.Arrays;
import java.util.function.Function;

/**
 * Turns tokens into logits. Holds the scratch memory of one caller and no state of any sequence: it
 * may serve many sequences in turn, from one thread at a time.
 *
 * <p>A prompt goes through in chunks. The logits of a token depend on the tokens before it and not
 * on how they were cut into chunks or calls, bit for bit, as long as the cache's kernel keeps that
 * promise for attention.
 */
public final class ForwardPass {
  /** Tokens that go through the layers together unless the caller chooses. */
  public static final int CHUNK_TOKENS_DEFAULT = 256;

  /** Tokens whose logits are worked out together; a vocabulary can be large. */
  private static final int LOGIT_ROWS = 32;

  /** Takes the logits of one token. */
  @FunctionalInterface
  public interface LogitsSink {
    /**
     * Called once for each token in order.
     *
     * @param index place of the token among those of the call
     * @param logits [vocabulary], valid until the call returns
     */
    void accept(int index, float[] logits);
  }

  private final HyperParameters hyper;
  private final Weights weights;
  private final int chunkTokens;
  private final RotaryTable rotary;
  private final AttentionScratch attention;

  /** The residual stream, [tokens][dim]. */
  private final float[][] stream;

  /** RMSNorm of the stream, [tokens][dim]. */
  private final float[] normed;

  /** Queries, keys and values of each token in a row. */
  private final float[][] queryKeyValue;

  /** SwiGLU's gate and input of each token in a row. */
  private final float[][] gateUp;

  /** SwiGLU's output, [tokens][hidden]. */
  private final float[] hidden;

  /** [tokens][vocabulary], the first row always, the others once they are asked for. */
  private final float[][] logits = new float[LOGIT_ROWS][];

  public ForwardPass(LanguageModel model) {
    this(model, CHUNK_TOKENS_DEFAULT);
  }

  public ForwardPass(LanguageModel model, int chunkTokens) {
    if (chunkTokens < 1) {
      throw new IllegalArgumentException(
          "chunkTokens must be positive: chunkTokens="
              + chunkTokens
              + "; "
              + CHUNK_TOKENS_DEFAULT
              + " is a good choice");
    }
    this.hyper = model.hyper();
    this.weights = model.weights();
    this.chunkTokens = chunkTokens;
    this.rotary = new RotaryTable(hyper.shape().layer(0).rope(), chunkTokens);
    this.attention = new AttentionScratch(hyper.shape(), chunkTokens);
    int dim = hyper.dim();
    this.stream = new float[chunkTokens][dim];
    this.normed = new float[Math.multiplyExact(chunkTokens, dim)];
    this.queryKeyValue = new float[chunkTokens][widest(LayerWeights::queryKeyValue)];
    int wide = widest(LayerWeights::gateUp);
    this.gateUp = new float[chunkTokens][wide];
    this.hidden = new float[Math.multiplyExact(chunkTokens, wide / 2)];
    this.logits[0] = new float[hyper.vocabulary()];
  }

  private int widest(Function<LayerWeights, Matrix> matrix) {
    return weights.layers().stream()
        .mapToInt(layer -> matrix.apply(layer).outputs())
        .max()
        .orElseThrow();
  }

  /**
   * Appends {@code ids} to the sequence and returns the logits of the last one, [vocabulary], valid
   * until the next call. Throws OutOfPagesException when the cache is full; the sequence then keeps
   * the chunks that went through.
   */
  public float[] forward(KvSequence sequence, int... ids) {
    check(ids);
    for (int from = 0; from < ids.length; from += chunkTokens) {
      int tokens = Math.min(chunkTokens, ids.length - from);
      layers(sequence, ids, from, tokens, 1);
    }
    logits(0, 1);
    return logits[0];
  }

  /** Appends {@code ids} to the sequence and hands over the logits of every one of them. */
  public void forwardAll(KvSequence sequence, int[] ids, LogitsSink sink) {
    check(ids);
    for (int from = 0; from < ids.length; from += chunkTokens) {
      int tokens = Math.min(chunkTokens, ids.length - from);
      layers(sequence, ids, from, tokens, tokens);
      for (int first = 0; first < tokens; first += LOGIT_ROWS) {
        int count = Math.min(LOGIT_ROWS, tokens - first);
        logits(first, count);
        for (int i = 0; i < count; i++) {
          sink.accept(from + first + i, logits[i]);
        }
      }
    }
  }

  /** Nanoseconds that the cache has spent on attention for this pass so far. */
  public long attendNanos() {
    return attention.attendNanos;
  }

  private void check(int[] ids) {
    if (ids.length == 0) {
      throw new IllegalArgumentException(
          "no tokens to process: tokens=0; give at least the token that begins a text");
    }
    for (int id : ids) {
      if (id < 0 || id >= hyper.vocabulary()) {
        throw new IllegalArgumentException(
            "token id out of range: id="
                + id
                + ", vocabulary="
                + hyper.vocabulary()
                + "; use ids of this model's tokenizer");
      }
    }
  }

  /** Runs all layers; the first {@code wanted} rows of the stream are then the last tokens'. */
  private void layers(KvSequence sequence, int[] ids, int from, int tokens, int wanted) {
    rotary.moveTo(sequence.length(), tokens);
    sequence.extend(Arrays.copyOfRange(ids, from, from + tokens));
    for (int t = 0; t < tokens; t++) {
      weights.embedding().decodeRow(ids[from + t], stream[t]);
    }
    int last = hyper.layers() - 1;
    for (int layer = 0; layer < last; layer++) {
      layer(sequence, layer, tokens, tokens);
    }
    layer(sequence, last, tokens, wanted);
  }

  private void layer(KvSequence sequence, int index, int tokens, int wanted) {
    LayerWeights layer = weights.layers().get(index);
    normStream(layer.attentionNorm(), 0, tokens);
    for (int t = 0; t < tokens; t++) {
      float[] bias = layer.bias();
      if (bias == null) {
        Arrays.fill(queryKeyValue[t], 0);
      } else {
        System.arraycopy(bias, 0, queryKeyValue[t], 0, bias.length);
      }
    }
    layer.queryKeyValue().multiplyAdd(normed, queryKeyValue, tokens);
    attention.attend(
        sequence,
        index,
        hyper.shape().layer(index),
        layer,
        hyper.normEpsilon(),
        queryKeyValue,
        rotary,
        tokens,
        wanted);
    keepLast(tokens, wanted);
    layer.attentionOutput().multiplyAdd(attention.out, stream, wanted);
    normStream(layer.feedForwardNorm(), 0, wanted);
    for (int t = 0; t < wanted; t++) {
      Arrays.fill(gateUp[t], 0);
    }
    layer.gateUp().multiplyAdd(normed, gateUp, wanted);
    int wide = layer.down().inputs();
    for (int t = 0; t < wanted; t++) {
      Vectors.swiGlu(gateUp[t], wide, hidden, t * wide);
    }
    layer.down().multiplyAdd(hidden, stream, wanted);
  }

  /** Moves the rows of the last {@code wanted} tokens to the front; rows change places, no copy. */
  private void keepLast(int tokens, int wanted) {
    if (wanted == tokens) {
      return;
    }
    for (int t = 0; t < wanted; t++) {
      float[] row = stream[t];
      stream[t] = stream[tokens - wanted + t];
      stream[tokens - wanted + t] = row;
    }
  }

  private void normStream(float[] weight, int first, int tokens) {
    int dim = hyper.dim();
    for (int t = 0; t < tokens; t++) {
      Vectors.rmsNorm(stream[first + t], 0, weight, dim, hyper.normEpsilon(), normed, t * dim);
    }
  }

  private void logits(int first, int count) {
    normStream(weights.outputNorm(), first, count);
    for (int i = 0; i < count; i++) {
      if (logits[i] == null) {
        logits[i] = new float[hyper.vocabulary()];
      }
      Arrays.fill(logits[i], 0);
    }
    weights.output().multiplyAdd(normed, logits, count);
  }
}
