package io.kvarena.bench.formats;

import io.kvarena.Rope;
import io.kvarena.transform.Calibration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;

/** Made-up heads of dimension 128: keys of one character, normal values, normal queries. */
enum SyntheticKind {
  /** Normal keys. */
  GAUSSIAN("gaussian", 1, 0),
  /** Normal keys, four of them for each query so near it that they take half of its attention. */
  PEAKED("peaked", 1, 1),
  /**
   * Normal keys, 6 of 128 channels with a mean of 10 to 50 and a deviation of 0.3 of it, then RoPE;
   * queries smaller by as much there, so that no channel decides all attention. Their seed matters,
   * so there are four heads.
   */
  OUTLIER_ROPE("outlier+rope", 4, 2);

  static final int TOKENS = 4096;
  static final int CHANNELS = 128;
  static final int QUERIES = 32;
  private static final int OUTLIERS = 6;

  /** Of an outlier channel, over its mean. */
  private static final float DEVIATION = 0.3f;

  private static final int NEAR = 4;

  /** What a near key adds to its query's logit: e^8 · 4 is about what 4,096 others add up to. */
  private static final double NEAR_LOGIT = 8;

  private static final Rope ROPE = Rope.of(Rope.Pairing.HALF, CHANNELS, 10_000);

  private final String label;
  private final int heads;
  private final long seedOffset;

  SyntheticKind(String label, int heads, long seedOffset) {
    this.label = label;
    this.heads = heads;
    this.seedOffset = seedOffset;
  }

  /** Its name in the table. */
  String label() {
    return label;
  }

  /** The heads that follow from {@code seed}; as many tokens again calibrate each. */
  List<HeadTensors> heads(long seed) {
    RandomGenerator random = new SplittableRandom(seed + seedOffset);
    List<HeadTensors> all = new ArrayList<>();
    for (int i = 0; i < heads; i++) {
      all.add(head(random));
    }
    return all;
  }

  private HeadTensors head(RandomGenerator random) {
    Channels channels = channels(random);
    float[] otherQueries = queries(random, channels);
    float[] otherKeys = keys(random, channels, otherQueries);
    ChannelStatistics other = ChannelStatistics.of(otherKeys, otherQueries, CHANNELS);
    float[] queries = queries(random, channels);
    float[] keys = keys(random, channels, queries);
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

  /** Means and deviations of keys and sizes of queries, by channel. */
  private record Channels(float[] means, float[] deviations, float[] querySizes) {}

  private Channels channels(RandomGenerator random) {
    Channels channels = new Channels(new float[CHANNELS], new float[CHANNELS], new float[CHANNELS]);
    Arrays.fill(channels.deviations, 1);
    Arrays.fill(channels.querySizes, 1);
    for (int outliers = 0; this == OUTLIER_ROPE && outliers < OUTLIERS; ) {
      int channel = random.nextInt(CHANNELS);
      if (channels.means[channel] == 0) {
        float size = (float) random.nextDouble(10, 50);
        channels.means[channel] = random.nextBoolean() ? size : -size;
        channels.deviations[channel] = DEVIATION * size;
        // RoPE hands it to the other channel of the pair, too.
        for (int of : new int[] {channel, (channel + CHANNELS / 2) % CHANNELS}) {
          channels.querySizes[of] = Math.min(channels.querySizes[of], 1 / size);
        }
        outliers++;
      }
    }
    return channels;
  }

  private float[] queries(RandomGenerator random, Channels channels) {
    float[] queries = normal(random, QUERIES);
    for (int i = 0; i < queries.length; i++) {
      queries[i] *= channels.querySizes[i % CHANNELS];
    }
    return queries;
  }

  private float[] keys(RandomGenerator random, Channels channels, float[] queries) {
    float[] keys = normal(random, TOKENS);
    for (int i = 0; i < keys.length; i++) {
      int channel = i % CHANNELS;
      keys[i] = channels.means[channel] + channels.deviations[channel] * keys[i];
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
