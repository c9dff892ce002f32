package io.kvarena.transform;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kvarena.format.Formats;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class TransformTest {

  private static float[] random(int count, long seed) {
    Random random = new Random(seed);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  /** The stages one after the other, as the doc states them. */
  private static void slow(float[] row, int from, int channels) {
    for (int at = from, left = channels; left > 0; ) {
      int block = Integer.highestOneBit(left);
      for (int h = 1; h < block; h *= 2) {
        for (int i = 0; i < block; i++) {
          if ((i & h) == 0) {
            float a = row[at + i];
            float b = row[at + i + h];
            row[at + i] = a + b;
            row[at + i + h] = a - b;
          }
        }
      }
      for (int i = 0; i < block; i++) {
        row[at + i] *= (float) (1 / Math.sqrt(block));
      }
      at += block;
      left -= block;
    }
  }

  @Test
  void hadamard_ofAnyDim_isTheStagesOneAfterTheOtherToTheBit() {
    for (int channels = 1; channels <= 260; channels++) {
      float[] row = random(channels + 3, channels);
      float[] expected = row.clone();
      slow(expected, 2, channels);
      Hadamard.transform(row, 2, channels);
      assertArrayEquals(expected, row, "channels=" + channels);
    }
  }

  @Test
  void hadamard_ofAnyDim_isItsEntriesAndItsOwnInverse() {
    for (int channels : new int[] {1, 2, 3, 4, 7, 8, 24, 64, 80, 96, 128, 160}) {
      float[] row = random(channels, 100 + channels);
      float[] once = row.clone();
      Hadamard.transform(once, 0, channels);
      int at = 0;
      for (int block = Integer.highestOneBit(channels); at < channels; ) {
        for (int i = 0; i < block; i++) {
          double sum = 0;
          for (int j = 0; j < block; j++) {
            sum += (Integer.bitCount(i & j) % 2 == 0 ? 1 : -1) * (double) row[at + j];
          }
          assertEquals(sum / Math.sqrt(block), once[at + i], 1e-5, "channels=" + channels);
        }
        at += block;
        block = at < channels ? Integer.highestOneBit(channels - at) : block;
      }
      Hadamard.transform(once, 0, channels);
      assertArrayEquals(row, once, 1e-5f, "channels=" + channels);
    }
  }

  @Test
  void productsOfQueriesAndKeys_underAnyTransform_areUnchangedTo1e5() {
    for (long seed = 1; seed <= 300; seed++) {
      Random random = new Random(seed);
      int channels = 1 + random.nextInt(140);
      TransformSpec spec = TransformSpec.IDENTITY;
      spec = random.nextBoolean() ? spec.withCentring() : spec;
      spec = random.nextBoolean() ? spec.withBalancing() : spec;
      spec = random.nextBoolean() ? spec.withRotation(seed) : spec;
      float[] rows = random(8 * channels, seed);
      TransformInstance instance = spec.instance(rows, 0b1111_0101, channels);
      float[] query = random(channels, -seed);
      for (int token = 0; token < 8; token++) {
        double product = 0;
        double size = 0;
        for (int i = 0; i < channels; i++) {
          product += (double) query[i] * rows[token * channels + i];
          size += Math.abs(query[i] * rows[token * channels + i]);
        }
        float[] key = rows.clone();
        instance.encode(key, token * channels, Float.MAX_VALUE);
        float[] turned = query.clone();
        float bias = instance.bias(turned, 0);
        instance.query(turned, 0);
        double found = bias;
        for (int i = 0; i < channels; i++) {
          found += (double) turned[i] * key[token * channels + i];
        }
        assertEquals(product, found, 1e-5 * (1 + size), spec + ", seed=" + seed);
      }
    }
  }

  @Test
  void back_ofASumOfRotatedValues_isTheSumOfTheValues() {
    for (int channels : new int[] {1, 5, 24, 128}) {
      TransformInstance rotation = TransformSpec.HADAMARD.instance(0, 0, channels);
      float[] first = random(channels, 1);
      float[] second = random(channels, 2);
      float[] sum = new float[channels];
      for (int i = 0; i < channels; i++) {
        sum[i] = 0.25f * first[i] + 3 * second[i];
      }
      rotation.encode(first, 0, Float.MAX_VALUE);
      rotation.encode(second, 0, Float.MAX_VALUE);
      float[] rotated = new float[channels];
      for (int i = 0; i < channels; i++) {
        rotated[i] = 0.25f * first[i] + 3 * second[i];
      }
      rotation.back(rotated, 0);
      assertArrayEquals(sum, rotated, 2e-5f);
    }
  }

  @Test
  void instance_ofAPage_followsFromTheTokensThatCountAlone() {
    TransformSpec spec = TransformSpec.IDENTITY.withCentring().withBalancing();
    float[] rows = {100, 100, 1, 10, 3, 10, 5, 40, -7, 9};
    TransformInstance instance = spec.instance(rows, 0b01110, 2);
    assertEquals(3f, instance.mean(0));
    assertEquals(20f, instance.mean(1));
    // Deviations √(8/3) and √200.
    double mean = (Math.sqrt(8 / 3.0) + Math.sqrt(200)) / 2;
    assertEquals(Math.sqrt(mean / Math.sqrt(8 / 3.0)), instance.weight(0), 1e-6);
    assertEquals(Math.sqrt(mean / Math.sqrt(200)), instance.weight(1), 1e-6);
    assertEquals(2 * 2 * 4 * 3, instance.bytes());
    assertEquals(instance.bytes(), spec.instanceBytes(2));
    TransformInstance none = spec.instance(rows, 0, 2);
    assertEquals(0f, none.mean(0));
    assertEquals(1f, none.weight(1));
  }

  @Test
  void encode_ofWhatTheFormatCannotHold_isClamped() {
    TransformInstance rotation = TransformSpec.HADAMARD.instance(0, 0, 4);
    float[] row = {60_000, 60_000, 60_000, 60_000};
    float[] aligned = row.clone();
    for (int i = 0; i < 4; i++) {
      aligned[i] *= rotation.sign(i);
    }
    rotation.encode(aligned, 0, Formats.F16.magnitudeMax());
    assertEquals(65_504f, aligned[0]);
  }

  @Test
  void signs_ofASeed_areRandomAndStayWhatTheyAre() {
    TransformInstance first = TransformSpec.HADAMARD.instance(0, 0, 1000);
    TransformInstance other = TransformSpec.IDENTITY.withRotation(2).instance(0, 0, 1000);
    int sum = 0;
    int same = 0;
    for (int i = 0; i < 1000; i++) {
      sum += (int) first.sign(i);
      same += first.sign(i) == other.sign(i) ? 1 : 0;
    }
    // Five standard deviations of 1,000 fair coins.
    assertTrue(Math.abs(sum) < 160 && Math.abs(same - 500) < 80, "sum=" + sum + ", same=" + same);
    TransformInstance small = TransformSpec.HADAMARD.instance(0, 0, 8);
    SplittableRandom splitMix = new SplittableRandom(TransformSpec.DEFAULT_SEED);
    for (int i = 0; i < 8; i++) {
      assertEquals(first.sign(i), small.sign(i), "a sign does not depend on the dimension");
      assertEquals(splitMix.nextLong() < 0 ? -1 : 1, small.sign(i), "the sign of SplitMix64");
    }
  }

  @Test
  void parse_ofANamePrinted_isTheEncoding() {
    for (String name :
        List.of(
            "f32",
            "q4_0+hadamard",
            "q8_0+centred",
            "q4_0+centred+balanced+hadamard",
            "f16+hadamard:-12")) {
      assertEquals(name, Encoding.parse(name).toString());
    }
    assertEquals("q4_0+centred+hadamard", Encoding.parse("q4_0+hadamard+centred").toString());
    assertEquals(Encoding.of(Formats.Q4_0), Encoding.parse("q4_0"));
    assertEquals("identity", TransformSpec.IDENTITY.toString());
  }

  @Test
  void parse_ofWhatIsNoEncoding_saysWhatIs() {
    assertRefused(
        "no such transform: part=rotated, name=q4_0+rotated; write FORMAT and any of +centred"
            + " +balanced +hadamard",
        "q4_0+rotated");
    assertRefused(
        "no such transform: part=, name=q4_0+; write FORMAT and any of +centred +balanced +hadamard",
        "q4_0+");
    assertRefused(
        "a part of the encoding stands twice: part=hadamard, name=q4_0+hadamard:3+hadamard; write"
            + " FORMAT and any of +centred +balanced +hadamard",
        "q4_0+hadamard:3+hadamard");
    assertTrue(
        String.valueOf(
                assertThrows(IllegalArgumentException.class, () -> Encoding.parse("q5+hadamard"))
                    .getMessage())
            .startsWith("no such format: name=q5; use one of f32 f16"));
  }

  private static void assertRefused(String message, String name) {
    assertEquals(
        message,
        assertThrows(IllegalArgumentException.class, () -> Encoding.parse(name)).getMessage());
  }

  @Test
  void calibration_ofNumbersThatCannotBe_isRefused() {
    assertEquals(
        "a calibrated weight cannot be used: layer=0, kvHead=1, value=0.0; means are finite, weights"
            + " finite and positive",
        assertThrows(
                IllegalArgumentException.class,
                () -> new Calibration(new float[0][][], new float[][][] {{{1}, {0}}}))
            .getMessage());
    assertEquals(
        "a calibrated mean cannot be used: layer=0, kvHead=0, value=NaN; means are finite, weights"
            + " finite and positive",
        assertThrows(
                IllegalArgumentException.class,
                () -> new Calibration(new float[][][] {{{Float.NaN}}}, new float[0][][]))
            .getMessage());
  }
}
