package io.kvarena.bench.formats;

import io.kvarena.transform.Calibration;

/**
 * Keys, values and queries of one KV head.
 *
 * @param channels of a key and of a value
 * @param keys f32 [tokens][channels]
 * @param values f32 [tokens][channels]
 * @param queries f32 [queries][channels]
 * @param visible tokens that each query sees, [queries]
 * @param scale multiplies q·k
 * @param calibration from other tokens and queries than these
 * @param layer the head's layer in the calibration
 * @param head its place in the layer
 */
record HeadTensors(
    int channels,
    float[] keys,
    float[] values,
    float[] queries,
    int[] visible,
    double scale,
    Calibration calibration,
    int layer,
    int head) {

  int tokens() {
    return keys.length / channels;
  }

  /** Product of a row of {@code queries} and a row of {@code rows}, both [][channels]. */
  double dot(float[] queries, int query, float[] rows, int token) {
    double sum = 0;
    for (int i = 0; i < channels; i++) {
      sum += (double) queries[query * channels + i] * rows[token * channels + i];
    }
    return sum;
  }

  /** Rows [from, to) of [tokens][channels], weighted. */
  double[] sum(double[] logWeights, float[] rows, int from, int to) {
    double[] sum = new double[channels];
    for (int token = from; token < to; token++) {
      double weight = Math.exp(logWeights[token]);
      for (int i = 0; i < channels; i++) {
        sum[i] += weight * rows[token * channels + i];
      }
    }
    return sum;
  }
}
