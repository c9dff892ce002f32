package io.kvarena.llm.sampling;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class SamplerTest {
  private static final float[] LOGITS = {1, 3, 3, -2, 0};

  private static Sampler warm(double temperature, int topK, double topP, long seed) {
    return new Temperature(temperature, topK, topP, new SplittableRandom(seed));
  }

  @Test
  void greedy_amongEquals_takesTheLowestId() {
    assertEquals(1, Sampler.GREEDY.next(LOGITS));
  }

  @Test
  void temperature_equalSeeds_giveEqualTokens() {
    Sampler one = warm(0.8, 0, 1, 5);
    Sampler other = warm(0.8, 0, 1, 5);
    for (int i = 0; i < 100; i++) {
      assertEquals(one.next(LOGITS), other.next(LOGITS));
    }
  }

  @Test
  void temperature_manyDraws_followTheSoftmax() {
    // Frequencies of n draws lie within 4 standard deviations, sqrt(p(1-p)/n) each: a correct
    // sampler fails at one in 16,000 per token, and the seed is fixed.
    int n = 100_000;
    double temperature = 1.7;
    for (Sampler sampler : new Sampler[] {warm(temperature, 0, 1, 9), warm(temperature, 5, 1, 9)}) {
      int[] counts = new int[LOGITS.length];
      for (int i = 0; i < n; i++) {
        counts[sampler.next(LOGITS)]++;
      }
      double sum = 0;
      for (float logit : LOGITS) {
        sum += Math.exp(logit / temperature);
      }
      for (int id = 0; id < LOGITS.length; id++) {
        double p = Math.exp(LOGITS[id] / temperature) / sum;
        assertEquals(p, counts[id] / (double) n, 4 * Math.sqrt(p * (1 - p) / n));
      }
    }
  }

  @Test
  void topK_leavesOnlyTheLikeliest() {
    Sampler sampler = warm(5, 2, 1, 1);
    for (int i = 0; i < 1_000; i++) {
      int id = sampler.next(LOGITS);
      assertTrue(id == 1 || id == 2);
    }
  }

  @Test
  void topP_leavesTheFewestThatReachIt() {
    // the two at 3 hold 2/(2 + e^-2 + e^-5 + e^-3) = 0.91 between them
    Sampler sampler = warm(1, 0, 0.9, 1);
    for (int i = 0; i < 1_000; i++) {
      int id = sampler.next(LOGITS);
      assertTrue(id == 1 || id == 2);
    }
  }

  @Test
  void temperature_nearZero_isGreedy() {
    assertEquals(2, warm(1e-6, 0, 1, 3).next(new float[] {0, 1, 5, 4.999f}));
  }

  @Test
  void settings_outOfRange_areRefused() {
    assertEquals(
        "temperature must be positive: temperature=0.0;"
            + " use Sampler.GREEDY for the likeliest token",
        assertThrows(IllegalArgumentException.class, () -> warm(0, 0, 1, 0)).getMessage());
    assertEquals(
        "topK is at least 0 and topP in (0, 1]: topK=-1, topP=1.0; use 0 and 1 for every token",
        assertThrows(IllegalArgumentException.class, () -> warm(1, -1, 1, 0)).getMessage());
  }
}
