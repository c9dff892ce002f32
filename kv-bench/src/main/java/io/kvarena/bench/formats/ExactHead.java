package io.kvarena.bench.formats;

/**
 * Attention over a head's keys and values as they are, in double precision.
 *
 * @param tensors the head
 * @param logits [queries][visible]
 * @param logWeights logarithms of the attention weights, [queries][visible]
 * @param outputs [queries][channels]
 */
record ExactHead(
    HeadTensors tensors, double[][] logits, double[][] logWeights, double[][] outputs) {

  static ExactHead of(HeadTensors tensors) {
    int queries = tensors.visible().length;
    double[][] logits = new double[queries][];
    double[][] logWeights = new double[queries][];
    double[][] outputs = new double[queries][];
    for (int query = 0; query < queries; query++) {
      int tokens = tensors.visible()[query];
      logits[query] = new double[tokens];
      for (int i = 0; i < tokens; i++) {
        logits[query][i] =
            tensors.scale() * tensors.dot(tensors.queries(), query, tensors.keys(), i);
      }
      logWeights[query] = logSoftmax(logits[query]);
      outputs[query] = tensors.sum(logWeights[query], tensors.values(), 0, tokens);
    }
    return new ExactHead(tensors, logits, logWeights, outputs);
  }

  /** Logarithms of the softmax. */
  static double[] logSoftmax(double[] logits) {
    double max = Double.NEGATIVE_INFINITY;
    for (double logit : logits) {
      max = Math.max(max, logit);
    }
    double sum = 0;
    for (double logit : logits) {
      sum += Math.exp(logit - max);
    }
    double all = max + Math.log(sum);
    double[] logs = new double[logits.length];
    for (int i = 0; i < logs.length; i++) {
      logs[i] = logits[i] - all;
    }
    return logs;
  }
}
