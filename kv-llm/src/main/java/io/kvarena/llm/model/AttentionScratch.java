package io.kvarena.llm.model;

import io.kvarena.KvSequence;
import io.kvarena.KvShape;
import io.kvarena.LayerShape;
import java.lang.foreign.MemorySegment;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/** One layer's queries, keys, values and outputs on their way to and from the cache. */
final class AttentionScratch {
  /** [tokens][queryHeads][keyDim]. */
  private final float[] queries;

  /** [tokens][kvHeads][keyDim]. */
  private final float[] keys;

  /** [tokens][kvHeads][valueDim]. */
  private final float[] values;

  /** [tokens][queryHeads][valueDim]. */
  final float[] out;

  private final Views views = new Views();

  /** Time spent in attend so far. */
  long attendNanos;

  AttentionScratch(KvShape shape, int tokensMax) {
    this.queries = array(shape, tokensMax, layer -> layer.queryHeads() * layer.keyDim());
    this.keys = array(shape, tokensMax, layer -> layer.kvHeads() * layer.keyDim());
    this.values = array(shape, tokensMax, layer -> layer.kvHeads() * layer.valueDim());
    this.out = array(shape, tokensMax, layer -> layer.queryHeads() * layer.valueDim());
  }

  private static float[] array(KvShape shape, int tokensMax, ToIntFunction<LayerShape> width) {
    int widest = shape.layers().stream().mapToInt(width).max().orElseThrow();
    return new float[Math.multiplyExact(tokensMax, widest)];
  }

  /**
   * Appends the tokens' keys and values to layer {@code layer} and attends with the queries of the
   * last {@code wanted} tokens, whose outputs are then the first rows of {@link #out}.
   *
   * @param stacked queries, keys and values of each token in a row
   */
  void attend(
      KvSequence sequence,
      int layer,
      LayerShape shape,
      LayerWeights weights,
      float epsilon,
      float[][] stacked,
      RotaryTable rotary,
      int tokens,
      int wanted) {
    int queryWidth = shape.queryHeads() * shape.keyDim();
    int keyWidth = shape.kvHeads() * shape.keyDim();
    int valueWidth = shape.kvHeads() * shape.valueDim();
    for (int t = 0; t < tokens; t++) {
      float[] row = stacked[t];
      normAndRotate(row, 0, shape.queryHeads(), shape, weights.queryNorm(), epsilon, rotary, t);
      normAndRotate(row, queryWidth, shape.kvHeads(), shape, weights.keyNorm(), epsilon, rotary, t);
      System.arraycopy(row, 0, queries, t * queryWidth, queryWidth);
      System.arraycopy(row, queryWidth, keys, t * keyWidth, keyWidth);
      System.arraycopy(row, queryWidth + keyWidth, values, t * valueWidth, valueWidth);
    }
    views.fit(shape, tokens, wanted);
    sequence.append(layer, views.keys, views.values);
    long start = System.nanoTime();
    sequence.attend(layer, views.queries, views.out);
    attendNanos += System.nanoTime() - start;
  }

  private static void normAndRotate(
      float[] row,
      int from,
      int heads,
      LayerShape shape,
      float @Nullable [] norm,
      float epsilon,
      RotaryTable rotary,
      int t) {
    int keyDim = shape.keyDim();
    for (int head = 0; head < heads; head++) {
      int at = from + head * keyDim;
      if (norm != null) {
        Vectors.rmsNorm(row, at, norm, keyDim, epsilon, row, at);
      }
      rotary.rotate(row, at, t);
    }
  }

  /** Segments over the arrays, made again only when the number of tokens changes. */
  private final class Views {
    private @Nullable LayerShape shape;
    private int tokens;
    private int wanted;
    MemorySegment keys = MemorySegment.NULL;
    MemorySegment values = MemorySegment.NULL;
    MemorySegment queries = MemorySegment.NULL;
    MemorySegment out = MemorySegment.NULL;

    void fit(LayerShape newShape, int newTokens, int newWanted) {
      if (newShape.equals(shape) && newTokens == tokens && newWanted == wanted) {
        return;
      }
      shape = newShape;
      tokens = newTokens;
      wanted = newWanted;
      long queryBytes = 4L * newShape.queryHeads() * newShape.keyDim();
      keys =
          view(
              AttentionScratch.this.keys,
              0,
              4L * newShape.kvHeads() * newShape.keyDim(),
              newTokens);
      values =
          view(
              AttentionScratch.this.values,
              0,
              4L * newShape.kvHeads() * newShape.valueDim(),
              newTokens);
      queries =
          view(
              AttentionScratch.this.queries,
              (newTokens - newWanted) * queryBytes,
              queryBytes,
              newWanted);
      out =
          view(
              AttentionScratch.this.out,
              0,
              4L * newShape.queryHeads() * newShape.valueDim(),
              newWanted);
    }

    private static MemorySegment view(float[] array, long from, long rowBytes, int rows) {
      return MemorySegment.ofArray(array).asSlice(from, rowBytes * rows);
    }
  }
}
