package io.kvarena.attention;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.kvarena.AttentionParams;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.Test;

class AttentionStateTest {

  private static final int DIM = 5;

  /** A state that has seen the given logits and values, computed in double. */
  private static AttentionState seen(double[] logits, double[][] values) {
    AttentionState state = new AttentionState();
    state.reset(1, 1, DIM);
    if (logits.length == 0) {
      return state;
    }
    double max = java.util.Arrays.stream(logits).max().orElseThrow();
    double sum = 0;
    double[] out = new double[DIM];
    for (int i = 0; i < logits.length; i++) {
      double weight = Math.exp(logits[i] - max);
      sum += weight;
      for (int j = 0; j < DIM; j++) {
        out[j] += weight * values[i][j];
      }
    }
    MemorySegment segment = state.segment();
    segment.setAtIndex(ValueLayout.JAVA_FLOAT, state.maxIndex(0), (float) max);
    segment.setAtIndex(ValueLayout.JAVA_FLOAT, state.sumIndex(0), (float) sum);
    for (int j = 0; j < DIM; j++) {
      segment.setAtIndex(ValueLayout.JAVA_FLOAT, state.outIndex(0) + j, (float) out[j]);
    }
    return state;
  }

  private static float[] finish(AttentionState state, AttentionParams params) {
    float[] out = new float[DIM];
    state.finish(params, 0, 1, MemorySegment.ofArray(out), 0);
    return out;
  }

  @Test
  void merge_ofAnySplitAndOrder_equalsSeeingAllAtOnce() {
    AttentionParams params = AttentionParams.standard(4);
    for (long seed = 1; seed <= 200; seed++) {
      Random random = new Random(seed);
      int tokens = 1 + random.nextInt(30);
      double[] logits = random.doubles(tokens, -40, 40).toArray();
      double[][] values = new double[tokens][];
      for (int i = 0; i < tokens; i++) {
        values[i] = random.doubles(DIM, -1, 1).toArray();
      }
      int cut = random.nextInt(tokens + 1);
      AttentionState head =
          seen(java.util.Arrays.copyOf(logits, cut), java.util.Arrays.copyOf(values, cut));
      AttentionState tail =
          seen(
              java.util.Arrays.copyOfRange(logits, cut, tokens),
              java.util.Arrays.copyOfRange(values, cut, tokens));
      float[] whole = finish(seen(logits, values), params);
      boolean forwards = random.nextBoolean();
      AttentionState first = forwards ? head : tail;
      first.merge(forwards ? tail : head);
      float[] merged = finish(first, params);
      for (int j = 0; j < DIM; j++) {
        // A handful of f32 roundings of numbers below 1.
        assertEquals(whole[j], merged[j], 2e-6, "seed=" + seed);
      }
    }
  }

  @Test
  void finish_ofAStateThatSawNothing_givesZeros() {
    float[] out = finish(seen(new double[0], new double[0][]), AttentionParams.standard(4));
    for (float value : out) {
      assertEquals(0f, value);
    }
    AttentionParams sink = AttentionParams.standard(4).withSinkLogits(2f);
    for (float value : finish(seen(new double[0], new double[0][]), sink)) {
      assertEquals(0f, value);
    }
  }

  @Test
  void finish_withASinkLogit_givesItItsShareOnce() {
    double[] logits = {1, -2, 3};
    double[][] values = {{1, 0, 0, 0, 0}, {0, 1, 0, 0, 0}, {0, 0, 1, 0, 0}};
    for (float sink : new float[] {-90, -1, 0, 4, 90}) {
      double denominator = Math.exp(sink - 3);
      for (double logit : logits) {
        denominator += Math.exp(logit - 3);
      }
      float[] out = finish(seen(logits, values), AttentionParams.standard(4).withSinkLogits(sink));
      for (int i = 0; i < 3; i++) {
        assertEquals(Math.exp(logits[i] - 3) / denominator, out[i], 1e-6, "sink=" + sink);
      }
    }
  }

  @Test
  void merge_ofDifferentRows_isRefused() {
    AttentionState one = new AttentionState();
    AttentionState two = new AttentionState();
    one.reset(1, 1, DIM);
    two.reset(2, 1, DIM);
    IllegalArgumentException refused =
        assertThrows(IllegalArgumentException.class, () -> one.merge(two));
    assertEquals(
        "states of different rows do not merge: rows=1, otherRows=2, valueDim=5, otherValueDim=5;"
            + " reset both alike",
        refused.getMessage());
  }

  @Test
  void visible_ofMasksAndBounds_matchesSlotBySlot() {
    Random random = new Random(7);
    for (int i = 0; i < 20_000; i++) {
      long live = random.nextLong();
      int pageTokens = 8 * (1 + random.nextInt(8));
      int position = random.nextInt(200) - 60;
      int lowest = random.nextInt(200);
      int highest = random.nextInt(200);
      long expected = 0;
      for (int slot = 0; slot < pageTokens; slot++) {
        int at = position + slot;
        if ((live >>> slot & 1) != 0 && at >= lowest && at <= highest) {
          expected |= 1L << slot;
        }
      }
      assertEquals(expected, Queries.visible(live, position, pageTokens, lowest, highest));
    }
  }
}
