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
}
