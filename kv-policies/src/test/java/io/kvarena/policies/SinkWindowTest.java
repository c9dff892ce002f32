package io.kvarena.policies;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kvarena.KvCache;
import io.kvarena.KvSequence;
import io.kvarena.KvShape;
import io.kvarena.LayerShape;
import io.kvarena.Rope;
import io.kvarena.fixtures.cache.EvictionPolicyContract;
import io.kvarena.policy.Budget;
import io.kvarena.policy.EvictionPolicy;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

class SinkWindowTest extends EvictionPolicyContract {

  @Override
  protected EvictionPolicy policy() {
    return new SinkWindow(4, 20);
  }

  @Override
  protected int sinks() {
    return 4;
  }

  @Override
  protected int window() {
    return 20;
  }

  @Override
  protected int tokensMax() {
    return 24;
  }

  /** Real bytes: the arena's own count stays where it was while ten times as much goes through. */
  @Test
  void cache_underThePolicy_holdsNoMoreBytesHoweverMuchGoesThrough() {
    KvShape shape = KvShape.uniform(2, LayerShape.of(4, 2, 32, Rope.NONE));
    float[] rows = new float[64];
    long bytesAt100 = 0;
    try (KvCache cache =
            KvCache.builder(shape)
                .pageTokens(8)
                .maxBytes(4 << 20)
                .policy(policy(), Budget.UNLIMITED)
                .build();
        KvSequence sequence = cache.open()) {
      for (int token = 1; token <= 1000; token++) {
        sequence.extend(token);
        for (int layer = 0; layer < 2; layer++) {
          sequence.append(layer, MemorySegment.ofArray(rows), MemorySegment.ofArray(rows));
        }
        if (token == 104) {
          bytesAt100 = cache.stats().kvBytes();
        }
      }
      assertEquals(24, sequence.cached(0, 0));
      assertEquals(1000, sequence.length());
      assertEquals(bytesAt100, cache.stats().kvBytes());
      assertTrue(cache.stats().slotsEvicted() >= 2 * (1000 - 24));
    }
  }

  @Test
  void sinkWindow_withoutAWindow_isRefused() {
    IllegalArgumentException refused =
        assertThrows(IllegalArgumentException.class, () -> new SinkWindow(4, 0));
    assertEquals(
        "sinks are not negative and a window has a token: sinks=4, window=0; 4 and 1020 are the"
            + " paper's",
        refused.getMessage());
  }
}
