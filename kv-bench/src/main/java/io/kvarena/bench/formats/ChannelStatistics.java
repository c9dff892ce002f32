package io.kvarena.bench.formats;

import io.kvarena.transform.TransformSpec;

/** Mean and balancing weight of each channel of a head's keys. */
record ChannelStatistics(float[] mean, float[] weight) {

  /** A channel's variance counts as at least this part of the mean variance. */
  private static final double VARIANCE_MIN = 0x1p-20;

  /**
   * The statistics of keys f32 [tokens][channels], the sinks left out, under queries f32
   * [queries][channels]: weights are (E[q²] / Var[k])^(1/4), which is the least error of a logit.
   */
  static ChannelStatistics of(float[] keys, float[] queries, int channels) {
    int sinks = TransformSpec.SINKS;
    double[] mean = new double[channels];
    double[] variance = new double[channels];
    double[] power = new double[channels];
    int counted = keys.length / channels - sinks;
    for (int i = sinks * channels; i < keys.length; i++) {
      mean[i % channels] += keys[i] / (double) counted;
    }
    for (int i = sinks * channels; i < keys.length; i++) {
      double off = keys[i] - mean[i % channels];
      variance[i % channels] += off * off / counted;
    }
    for (int i = 0; i < queries.length; i++) {
      power[i % channels] += (double) queries[i] * queries[i] * channels / queries.length;
    }
    double varianceMean = 0;
    double powerMean = 0;
    for (int i = 0; i < channels; i++) {
      varianceMean += variance[i] / channels;
      powerMean += power[i] / channels;
    }
    float[] centre = new float[channels];
    float[] weight = new float[channels];
    for (int i = 0; i < channels; i++) {
      centre[i] = (float) mean[i];
      double spread = Math.max(variance[i] / varianceMean, VARIANCE_MIN);
      double use = Math.max(power[i] / powerMean, VARIANCE_MIN);
      weight[i] = (float) Math.sqrt(Math.sqrt(use / spread));
    }
    return new ChannelStatistics(centre, weight);
  }
}
