package io.kvarena.bench.formats;

import io.kvarena.KvCache;
import io.kvarena.KvSequence;
import io.kvarena.KvShape;
import io.kvarena.LayerShape;
import io.kvarena.format.Formats;
import io.kvarena.llm.model.ForwardPass;
import io.kvarena.llm.model.LanguageModel;
import io.kvarena.llm.sampling.Sampler;
import io.kvarena.llm.sampling.Temperature;
import io.kvarena.transform.Calibration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** Keys (after RoPE), values and queries of a model, dumped from an exact cache. */
final class ModelTensors {

  /** Positions from whose queries the error is taken, in the second half of the text. */
  private static final int POSITIONS = 16;

  /** The token that begins a text. */
  private static final int BEGIN = 1;

  private ModelTensors() {}

  /** Text that the model makes up: calibration needs tokens that are not the test's. */
  static int[] sample(LanguageModel model, int tokens, long seed) {
    Sampler sampler = new Temperature(1, 0, 1, new SplittableRandom(seed));
    int[] ids = new int[tokens];
    ids[0] = BEGIN;
    ForwardPass pass = new ForwardPass(model, 1);
    try (KvCache cache = cache(model);
        KvSequence sequence = cache.open()) {
      for (int i = 1; i < tokens; i++) {
        ids[i] = sampler.next(pass.forward(sequence, ids[i - 1]));
      }
    }
    return ids;
  }

  /** Means and weights of a model's keys from a text. */
  static Calibration calibrate(LanguageModel model, int[] text) {
    RecordingSequence recording = record(model, text);
    KvShape shape = model.shape();
    float[][][] means = new float[shape.layerCount()][][];
    float[][][] weights = new float[shape.layerCount()][][];
    for (int i = 0; i < means.length; i++) {
      LayerShape layer = shape.layer(i);
      means[i] = new float[layer.kvHeads()][];
      weights[i] = new float[layer.kvHeads()][];
      for (int head = 0; head < layer.kvHeads(); head++) {
        ChannelStatistics statistics =
            ChannelStatistics.of(
                columns(recording.keys(i), layer.kvHeads(), head, 1, layer.keyDim()),
                columns(
                    recording.queries(i),
                    layer.queryHeads(),
                    head * layer.group(),
                    layer.group(),
                    layer.keyDim()),
                layer.keyDim());
        means[i][head] = statistics.mean();
        weights[i][head] = statistics.weight();
      }
    }
    return new Calibration(means, weights);
  }

  /** Every KV head of every layer under a text. */
  static List<HeadTensors> heads(LanguageModel model, int[] text, Calibration calibration) {
    RecordingSequence recording = record(model, text);
    KvShape shape = model.shape();
    int positions = Math.min(POSITIONS, text.length / 2);
    List<HeadTensors> heads = new ArrayList<>();
    for (int i = 0; i < shape.layerCount(); i++) {
      LayerShape layer = shape.layer(i);
      float[] keys = recording.keys(i);
      float[] values = recording.values(i);
      float[] queries = recording.queries(i);
      for (int head = 0; head < layer.kvHeads(); head++) {
        int group = layer.group();
        float[] asked = new float[positions * group * layer.keyDim()];
        int[] visible = new int[positions * group];
        for (int p = 0; p < positions; p++) {
          int position = text.length - 1 - p * (text.length / 2 / positions);
          int from = (position * layer.queryHeads() + head * group) * layer.keyDim();
          int width = group * layer.keyDim();
          System.arraycopy(queries, from, asked, p * width, width);
          for (int q = 0; q < group; q++) {
            visible[p * group + q] = position + 1;
          }
        }
        heads.add(
            new HeadTensors(
                layer.keyDim(),
                columns(keys, layer.kvHeads(), head, 1, layer.keyDim()),
                columns(values, layer.kvHeads(), head, 1, layer.valueDim()),
                asked,
                visible,
                layer.params().scale(),
                calibration,
                i,
                head));
      }
    }
    return heads;
  }

  private static RecordingSequence record(LanguageModel model, int[] text) {
    try (KvCache cache = cache(model);
        RecordingSequence recording =
            new RecordingSequence(cache.open(), model.shape().layerCount())) {
      new ForwardPass(model).forwardAll(recording, text, (index, logits) -> {});
      return recording;
    }
  }

  private static KvCache cache(LanguageModel model) {
    return ModelQuality.sized(KvCache.builder(model.shape()))
        .keys(Formats.F32)
        .values(Formats.F32)
        .build();
  }

  /** Heads [first, first + count) of rows [tokens][heads][channels], as rows of one head. */
  private static float[] columns(float[] rows, int heads, int first, int count, int channels) {
    int tokens = rows.length / heads / channels;
    int width = count * channels;
    float[] of = new float[tokens * width];
    for (int token = 0; token < tokens; token++) {
      System.arraycopy(rows, (token * heads + first) * channels, of, token * width, width);
    }
    return of;
  }
}
