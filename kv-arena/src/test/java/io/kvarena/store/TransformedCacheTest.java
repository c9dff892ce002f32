package io.kvarena.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kvarena.KvCache;
import io.kvarena.KvSequence;
import io.kvarena.KvShape;
import io.kvarena.LayerShape;
import io.kvarena.Rope;
import io.kvarena.attention.ScalarKernel;
import io.kvarena.format.Formats;
import io.kvarena.format.PageFormat;
import io.kvarena.transform.Calibration;
import io.kvarena.transform.Encoding;
import io.kvarena.transform.TransformInstance;
import io.kvarena.transform.TransformSpec;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Transforms of f32 pages change nothing but roundings, which is how a mistake in one shows: the
 * same story is told with transforms and without.
 */
class TransformedCacheTest {

  private static final LayerShape LAYER =
      new LayerShape(
          4,
          2,
          20,
          24,
          io.kvarena.LayerKind.FULL,
          Rope.of(Rope.Pairing.HALF, 16, 10_000),
          io.kvarena.AttentionParams.standard(20));
  private static final KvShape SHAPE = KvShape.uniform(2, LAYER);

  /** Largest value; differences are counted in parts of it. */
  private static final double LARGEST = 1;

  /** Keys of which two channels have a mean and spread of their own, values in ±1. */
  private static MemorySegment rows(Random random, int tokens, int heads, int dim, boolean keys) {
    float[] rows = new float[tokens * heads * dim];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = random.nextFloat() * 2 - 1;
      if (keys && (i % dim == 3 || i % dim == 17)) {
        rows[i] = 4 * rows[i] + (i % dim == 3 ? 9 : -7);
      }
    }
    return MemorySegment.ofArray(rows);
  }

  private static CacheBuilder builder(PageFormat format, TransformSpec keys, TransformSpec values) {
    CacheBuilder builder = new CacheBuilder(SHAPE);
    builder
        .keys(new Encoding(keys, format))
        .values(new Encoding(values, format))
        .pageTokens(8)
        .splitTokens(16)
        .threads(2)
        .maxBytes(16 << 20)
        .kernel(new ScalarKernel());
    return builder;
  }

  /** A prompt, a gap, a shift, a fork, more tokens: all that was attended. */
  private static List<float[]> story(KvCache cache) {
    List<float[]> all = new ArrayList<>();
    Random random = new Random(5);
    try (KvSequence sequence = cache.open()) {
      feed(sequence, 120, random, all);
      sequence.remove(10, 30);
      sequence.shift(30, 120, -20);
      feed(sequence, 21, random, all);
      sequence.truncate(112);
      try (KvSequence child = sequence.fork()) {
        feed(child, 30, random, all);
      }
      feed(sequence, 1, random, all);
    }
    return all;
  }

  private static void feed(KvSequence sequence, int tokens, Random random, List<float[]> all) {
    sequence.extend(new int[tokens]);
    for (int layer = 0; layer < 2; layer++) {
      sequence.append(layer, rows(random, tokens, 2, 20, true), rows(random, tokens, 2, 24, false));
      float[] out = new float[tokens * 4 * 24];
      sequence.attend(layer, rows(random, tokens, 4, 20, false), MemorySegment.ofArray(out));
      all.add(out);
    }
  }

  private static List<float[]> story(CacheBuilder builder) {
    try (KvCache cache = builder.build()) {
      List<float[]> all = story(cache);
      assertEquals(List.of(), cache.audit());
      return all;
    }
  }

  private static double largestDifference(List<float[]> expected, List<float[]> found) {
    double largest = 0;
    for (int i = 0; i < expected.size(); i++) {
      for (int j = 0; j < expected.get(i).length; j++) {
        largest = Math.max(largest, Math.abs(expected.get(i)[j] - found.get(i)[j]));
      }
    }
    return largest;
  }

  private static List<float[]> plain() {
    return story(builder(Formats.F32, TransformSpec.IDENTITY, TransformSpec.IDENTITY));
  }

  @Test
  void attend_onF32PagesUnderAnyTransform_isUnchangedTo1e5() {
    List<float[]> plain = plain();
    float[][][] means = new float[2][2][20];
    float[][][] weights = new float[2][2][20];
    Random random = new Random(6);
    for (int i = 0; i < 80; i++) {
      means[i / 40][i / 20 % 2][i % 20] = random.nextFloat() * 6 - 3;
      weights[i / 40][i / 20 % 2][i % 20] = 0.2f + random.nextFloat();
    }
    TransformSpec all = TransformSpec.HADAMARD.withCentring().withBalancing();
    List<TransformSpec> specs =
        List.of(
            TransformSpec.HADAMARD,
            TransformSpec.IDENTITY.withRotation(77),
            TransformSpec.IDENTITY.withCentring(),
            TransformSpec.IDENTITY.withBalancing(),
            TransformSpec.HADAMARD.withCentring(),
            all,
            all.calibrated(new Calibration(means, weights)));
    for (TransformSpec keys : specs) {
      for (TransformSpec values : List.of(TransformSpec.IDENTITY, TransformSpec.HADAMARD)) {
        double difference = largestDifference(plain, story(builder(Formats.F32, keys, values)));
        assertTrue(
            difference <= 1e-5 * LARGEST, keys + "/" + values + ": difference=" + difference);
      }
    }
  }

  /** Transforms that are wrong on purpose, each in one way. */
  enum Mistake {
    QUERIES_LACK_THE_SIGNS,
    QUERIES_ARE_NOT_TRANSFORMED,
    QUERIES_ARE_WEIGHTED_AS_KEYS_ARE,
    BIAS_IS_FORGOTTEN,
    BIAS_HAS_THE_WRONG_SIGN,
    VALUES_ARE_NOT_MAPPED_BACK,
    VALUES_COME_BACK_WITHOUT_SIGNS
  }

  private static final class Wrong extends TransformInstance {
    private final Mistake mistake;

    Wrong(TransformInstance right, Mistake mistake) {
      super(right);
      this.mistake = mistake;
    }

    @Override
    public void query(float[] rows, int from) {
      if (mistake == Mistake.QUERIES_ARE_NOT_TRANSFORMED) {
        return;
      }
      for (int i = 0; i < channels(); i++) {
        if (mistake == Mistake.QUERIES_LACK_THE_SIGNS) {
          rows[from + i] *= sign(i);
        } else if (mistake == Mistake.QUERIES_ARE_WEIGHTED_AS_KEYS_ARE) {
          rows[from + i] *= weight(i) * weight(i);
        }
      }
      super.query(rows, from);
    }

    @Override
    public float bias(float[] rows, int from) {
      return switch (mistake) {
        case BIAS_IS_FORGOTTEN -> 0;
        case BIAS_HAS_THE_WRONG_SIGN -> -super.bias(rows, from);
        default -> super.bias(rows, from);
      };
    }

    @Override
    public void back(float[] rows, int from) {
      if (mistake == Mistake.VALUES_ARE_NOT_MAPPED_BACK) {
        return;
      }
      super.back(rows, from);
      for (int i = 0; mistake == Mistake.VALUES_COME_BACK_WITHOUT_SIGNS && i < channels(); i++) {
        rows[from + i] *= sign(i);
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void wrongTransform_onF32Pages_isCaught(Mistake mistake) {
    CacheBuilder builder =
        builder(
            Formats.F32,
            TransformSpec.HADAMARD.withCentring().withBalancing(),
            TransformSpec.HADAMARD);
    UnaryOperator<TransformInstance> wrong = right -> new Wrong(right, mistake);
    builder.instances = wrong;
    double difference = largestDifference(plain(), story(builder));
    assertTrue(difference > 1e-3 * LARGEST, mistake + ": difference=" + difference);
  }

  @Test
  void attend_onQ4PagesOfKeysWithMeans_isFarCloserWithCentringThanWithRotationAlone() {
    List<float[]> plain = plain();
    double rotation = keyError(plain, TransformSpec.HADAMARD);
    double centred = keyError(plain, TransformSpec.HADAMARD.withCentring());
    double balanced = keyError(plain, TransformSpec.HADAMARD.withCentring().withBalancing());
    System.out.printf(
        "figure: q4_0 keys with means, rms error: rotated %.4f, centred too %.4f, balanced too %.4f%n",
        rotation, centred, balanced);
    assertTrue(centred < 0.7 * rotation, "rotated=" + rotation + ", centred=" + centred);
    assertTrue(balanced < 0.7 * rotation, "rotated=" + rotation + ", balanced=" + balanced);
  }

  private static double keyError(List<float[]> plain, TransformSpec keys) {
    CacheBuilder builder = builder(Formats.Q4_0, keys, TransformSpec.IDENTITY);
    builder.values(Formats.F32);
    return error(plain, story(builder));
  }

  private static double error(List<float[]> expected, List<float[]> found) {
    double sum = 0;
    long count = 0;
    for (int i = 0; i < expected.size(); i++) {
      for (int j = 0; j < expected.get(i).length; j++) {
        double off = expected.get(i)[j] - found.get(i)[j];
        sum += off * off;
        count++;
      }
    }
    return Math.sqrt(sum / count);
  }

  @Test
  void build_withWhatCannotWork_saysWhatCan() {
    KvShape capped =
        KvShape.uniform(
            1,
            new LayerShape(
                4, 2, 20, 24, LAYER.kind(), LAYER.rope(), LAYER.params().withSoftCap(5)));
    assertRefused(
        "keys cannot be centred under a soft cap, which would cap other logits:"
            + " keys=q4_0+centred+hadamard, layer=0, softCap=5.0; leave out centred",
        () -> KvCache.builder(capped).keys(Encoding.parse("q4_0+hadamard+centred")).build());
    assertRefused(
        "values are rotated or left alone: values=q4_0+centred; centre and balance keys only",
        () -> KvCache.builder(SHAPE).values(Encoding.parse("q4_0+centred")));
    assertRefused(
        "calibrated means do not fit the model: layer=1, kvHead=0, keyDim=20; give f32"
            + " [layers][kvHeads][keyDim]",
        () ->
            builder(
                    Formats.Q4_0,
                    TransformSpec.IDENTITY
                        .withCentring()
                        .calibrated(new Calibration(new float[1][2][20], new float[0][][])),
                    TransformSpec.IDENTITY)
                .build());
    assertRefused(
        "the calibration lacks what the transform needs: transform=centred, missing=means; calibrate"
            + " them too or leave the transform without",
        () ->
            builder(
                    Formats.Q4_0,
                    TransformSpec.IDENTITY
                        .withCentring()
                        .calibrated(new Calibration(new float[0][][], new float[0][][])),
                    TransformSpec.IDENTITY)
                .build());
    assertRefused(
        "pinned tokens are not negative: tokens=-1; 0 pins none",
        () -> KvCache.builder(SHAPE).pinned(-1));
    assertRefused(
        "recent tokens are not negative: tokens=-2; 0 keeps the query's own page raw and no other",
        () -> KvCache.builder(SHAPE).recent(-2));
    assertRefused(
        "attention needs a thread: threads=0; 1 is the calling thread alone",
        () -> KvCache.builder(SHAPE).threads(0));
    assertRefused(
        "a split has tokens: splitTokens=0; 2048 is the default",
        () -> KvCache.builder(SHAPE).splitTokens(0));
  }

  private static void assertRefused(
      String message, org.junit.jupiter.api.function.Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  @Test
  void forks_shareTheInstanceAndANewSequenceMakesItsOwn() {
    TransformSpec centred = TransformSpec.IDENTITY.withCentring();
    try (KvCache cache = builder(Formats.Q8_0, centred, TransformSpec.IDENTITY).build();
        KvSequence sequence = cache.open()) {
      long one = 2 * 2 * 2 * 4 * 20; // on the heap and in native memory
      assertEquals(0, cache.stats().transformBytes());
      feed(sequence, 20, new Random(1), new ArrayList<>());
      assertEquals(one, cache.stats().transformBytes());
      try (KvSequence child = sequence.fork();
          KvSequence other = cache.open()) {
        feed(child, 20, new Random(2), new ArrayList<>());
        assertEquals(one, cache.stats().transformBytes());
        feed(other, 20, new Random(3), new ArrayList<>());
        assertEquals(2 * one, cache.stats().transformBytes());
      }
    }
    assertEquals(Optional.empty(), centred.calibration());
  }
}
