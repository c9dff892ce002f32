package io.kvarena.bench.formats;

import io.kvarena.Rope;
import io.kvarena.transform.Calibration;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;

/** Made-up heads of dimension 128: keys of one character, normal values, normal queries. */
enum SyntheticKind {
  /** Normal keys. */
  GAUSSIAN("gaussian"),
  /** Normal keys, four of them for each query so near it that they take half of its attention. */
  PEAKED("peaked"),
  /**
   * Normal keys, 6 of 128 channels 10 to 50 times larger in mean and in deviation, then RoPE, as
   * keys of models are.
   */
  OUTLIER_ROPE("outlier+rope");

  static final int TOKENS = 4096;
  static final int CHANNELS = 128;
  static final int QUERIES = 64;
  private static final int OUTLIERS = 6;
  private static final int NEAR = 4;

  /** What a near key adds to its query's logit: e^8 · 4 is about what 4,096 others add up to. */
  private static final double NEAR_LOGIT = 8;

  private static final Rope ROPE = Rope.of(Rope.Pairing.HALF, CHANNELS, 10_000);

  private final String label;

  SyntheticKind(String label) {
    this.label = label;
  }

  /** Its name in the table. */
  String label() {
    return label;
  }

  /** The head that follows from {@code seed}; as many tokens again calibrate it. */
  HeadTensors head(long seed) {
    RandomGenerator random = new SplittableRandom(seed + ordinal());
    float[] sizes = new float[CHANNELS];
    float[] means = new float[CHANNELS];
    for (int i = 0; i < CHANNELS; i++) {
      sizes[i] = 1;
    }
    for (int outliers = 0; this == OUTLIER_ROPE && outliers < OUTLIERS; ) {
      int channel = random.nextInt(CHANNELS);
      if (sizes[channel] == 1) {
        sizes[channel] = (float) random.nextDouble(10, 50);
        means[channel] = random.nextBoolean() ? sizes[channel] : -sizes[channel];
        outliers++;
      }
    }
    float[] otherQueries = normal(random, QUERIES);
    float[] otherKeys = keys(random, sizes, means, otherQueries);
    ChannelStatistics other = ChannelStatistics.of(otherKeys, otherQueries, CHANNELS);
    float[] queries = normal(random, QUERIES);
    float[] keys = keys(random, sizes, means, queries);
    int[] visible = new int[QUERIES];
    Arrays.fill(visible, TOKENS);
    return new HeadTensors(
        CHANNELS,
        keys,
        normal(random, TOKENS),
        queries,
        visible,
        1 / Math.sqrt(CHANNELS),
        new Calibration(new float[][][] {{other.mean()}}, new float[][][] {{other.weight()}}),
        0,
        0);
  }

  private float[] keys(RandomGenerator random, float[] sizes, float[] means, float[] queries) {
    float[] keys = normal(random, TOKENS);
    for (int i = 0; i < keys.length; i++) {
      keys[i] = means[i % CHANNELS] + sizes[i % CHANNELS] * keys[i];
    }
    if (this == PEAKED) {
      for (int i = 0; i < NEAR * QUERIES; i++) {
        align(keys, random.nextInt(TOKENS) * CHANNELS, queries, i / NEAR * CHANNELS);
      }
    }
    if (this == OUTLIER_ROPE) {
      float[] cosines = new float[CHANNELS / 2];
      float[] sines = new float[CHANNELS / 2];
      for (int token = 0; token < TOKENS; token++) {
        ROPE.turn(token, cosines, sines);
        turn(keys, token * CHANNELS, cosines, sines);
      }
    }
    return keys;
  }

  /** Moves a key along a query until their logit has grown by {@link #NEAR_LOGIT}. */
  private static void align(float[] keys, int key, float[] queries, int query) {
    double square = 0;
    for (int i = 0; i < CHANNELS; i++) {
      square += (double) queries[query + i] * queries[query + i];
    }
    double by = NEAR_LOGIT * Math.sqrt(CHANNELS) / square;
    for (int i = 0; i < CHANNELS; i++) {
      keys[key + i] += (float) (by * queries[query + i]);
    }
  }

  private static void turn(float[] keys, int at, float[] cosines, float[] sines) {
    for (int pair = 0; pair < CHANNELS / 2; pair++) {
      int first = at + ROPE.first(pair);
      int second = at + ROPE.second(pair);
      float x = keys[first];
      float y = keys[second];
      keys[first] = x * cosines[pair] - y * sines[pair];
      keys[second] = x * sines[pair] + y * cosines[pair];
    }
  }

  private static float[] normal(RandomGenerator random, int rows) {
    float[] values = new float[rows * CHANNELS];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }
}
