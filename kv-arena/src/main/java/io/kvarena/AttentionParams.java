package io.kvarena;

import java.util.Arrays;

/**
 * The numbers of a layer's attention that are fixed when the model is.
 *
 * @param scale multiplies q·k, usually 1/√keyDim
 * @param softCap 0 for none, else a logit x becomes softCap · tanh(x / softCap)
 * @param sinkLogits a learned logit per query head that takes weight and gives no value; empty for
 *     none
 */
public record AttentionParams(float scale, float softCap, float[] sinkLogits) {

  private static final float[] NO_SINKS = {};

  public AttentionParams {
    if (!(scale > 0) || !Float.isFinite(scale)) {
      throw new IllegalArgumentException(
          "the attention scale must be positive and finite: scale="
              + scale
              + "; 1/sqrt(keyDim) is the usual value");
    }
    if (!(softCap >= 0) || !Float.isFinite(softCap)) {
      throw new IllegalArgumentException(
          "the soft cap must be 0 or positive: softCap=" + softCap + "; use 0 for none");
    }
    for (float logit : sinkLogits) {
      if (!Float.isFinite(logit)) {
        throw new IllegalArgumentException(
            "a sink logit must be finite: logit=" + logit + "; leave the array empty for no sink");
      }
    }
    sinkLogits = sinkLogits.clone();
  }

  /** Scale 1/√keyDim, no soft cap, no sink logits. */
  public static AttentionParams standard(int keyDim) {
    return new AttentionParams((float) (1 / Math.sqrt(keyDim)), 0, NO_SINKS);
  }

  /** These numbers with {@code softCap}. */
  public AttentionParams withSoftCap(float softCap) {
    return new AttentionParams(scale, softCap, sinkLogits);
  }

  /** These numbers with a sink logit for each query head. */
  public AttentionParams withSinkLogits(float... sinkLogits) {
    return new AttentionParams(scale, softCap, sinkLogits);
  }

  /** Whether the layer has sink logits. */
  public boolean hasSinks() {
    return sinkLogits.length > 0;
  }

  /** The sink logit of a query head. */
  public float sinkLogit(int queryHead) {
    return sinkLogits[queryHead];
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof AttentionParams that
        && scale == that.scale
        && softCap == that.softCap
        && Arrays.equals(sinkLogits, that.sinkLogits);
  }

  @Override
  public int hashCode() {
    return 31 * Float.hashCode(scale) + Arrays.hashCode(sinkLogits);
  }

  @Override
  public String toString() {
    return "AttentionParams[scale="
        + scale
        + ", softCap="
        + softCap
        + ", sinkLogits="
        + Arrays.toString(sinkLogits)
        + "]";
  }
}
