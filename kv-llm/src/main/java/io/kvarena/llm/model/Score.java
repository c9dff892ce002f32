package io.kvarena.llm.model;

/** How well logits predict a token. */
public final class Score {
  private Score() {}

  /** Negative log-likelihood of token {@code id} in nats, taken in double precision. */
  public static double nll(float[] logits, int id) {
    float max = Float.NEGATIVE_INFINITY;
    for (float logit : logits) {
      max = Math.max(max, logit);
    }
    double sum = 0;
    for (float logit : logits) {
      sum += Math.exp((double) logit - max);
    }
    return max + Math.log(sum) - logits[id];
  }
}
