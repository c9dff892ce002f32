package io.kvarena;

import java.util.Objects;

/**
 * One layer's attention geometry: multi-head, grouped-query (kvHeads &lt; queryHeads) or
 * multi-query (kvHeads = 1), with key and value dimensions that may differ.
 *
 * @param queryHeads query heads, a multiple of kvHeads
 * @param kvHeads heads of keys and values
 * @param keyDim channels of a key, 1 to 1024
 * @param valueDim channels of a value, 1 to 1024
 * @param kind which earlier tokens are visible
 * @param rope how positions enter the keys
 * @param params scale, soft cap and sinks
 */
public record LayerShape(
    int queryHeads,
    int kvHeads,
    int keyDim,
    int valueDim,
    LayerKind kind,
    Rope rope,
    AttentionParams params) {

  /** The largest key or value dimension. */
  public static final int DIM_MAX = 1024;

  public LayerShape {
    Objects.requireNonNull(kind);
    if (queryHeads < 1 || kvHeads < 1 || queryHeads % kvHeads != 0) {
      throw new IllegalArgumentException(
          "queryHeads must be a multiple of kvHeads: queryHeads="
              + queryHeads
              + ", kvHeads="
              + kvHeads
              + "; each KV head serves the same number of query heads");
    }
    if (keyDim < 1 || keyDim > DIM_MAX || valueDim < 1 || valueDim > DIM_MAX) {
      throw new IllegalArgumentException(
          "head dimensions must lie in 1.."
              + DIM_MAX
              + ": keyDim="
              + keyDim
              + ", valueDim="
              + valueDim
              + "; split wider heads");
    }
    if (rope.dims() > keyDim) {
      throw new IllegalArgumentException(
          "rotary dims exceed the key: dims="
              + rope.dims()
              + ", keyDim="
              + keyDim
              + "; rotate at most keyDim channels");
    }
    if (params.hasSinks() && params.sinkLogits().length != queryHeads) {
      throw new IllegalArgumentException(
          "one sink logit per query head is needed: sinkLogits="
              + params.sinkLogits().length
              + ", queryHeads="
              + queryHeads
              + "; give none or one for each");
    }
  }

  /** Full causal attention with the standard scale and one dimension for keys and values. */
  public static LayerShape of(int queryHeads, int kvHeads, int headDim, Rope rope) {
    return new LayerShape(
        queryHeads,
        kvHeads,
        headDim,
        headDim,
        LayerKind.FULL,
        rope,
        AttentionParams.standard(headDim));
  }

  /** Query heads that share a KV head. */
  public int group() {
    return queryHeads / kvHeads;
  }

  /** Values kept for one token: keys and values of all KV heads. */
  public int channelsPerToken() {
    return kvHeads * (keyDim + valueDim);
  }
}
