package io.kvarena.bench.formats;

import java.util.List;

/**
 * What a recipe does to tensors.
 *
 * @param keyMse mean squared error of the keys over their variance
 * @param valueMse the same of the values
 * @param logitError largest error of a logit over the largest logit of its query, at least 1
 * @param outputError length of the outputs' error over the outputs' length, over all queries
 * @param attentionKl mean Kullback-Leibler divergence of the attention weights, in nats
 */
record Distortion(
    double keyMse, double valueMse, double logitError, double outputError, double attentionKl) {

  /** The mean of several heads; of logits the largest error. */
  static Distortion mean(List<Distortion> heads) {
    int n = heads.size();
    return new Distortion(
        heads.stream().mapToDouble(Distortion::keyMse).sum() / n,
        heads.stream().mapToDouble(Distortion::valueMse).sum() / n,
        heads.stream().mapToDouble(Distortion::logitError).max().orElseThrow(),
        heads.stream().mapToDouble(Distortion::outputError).sum() / n,
        heads.stream().mapToDouble(Distortion::attentionKl).sum() / n);
  }
}
