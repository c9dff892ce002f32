package io.kvarena.policies.replacement;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kvarena.fixtures.Seeds;
import io.kvarena.policy.ReplacementPolicy;
import java.util.BitSet;
import java.util.function.IntFunction;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/**
 * Policies hit and miss use by use as the papers' pseudocode does over plain lists. Pages have one
 * size, for which the papers are written; which size does not matter.
 */
class ReferencePoliciesTest {

  private static final int TRACES = 40;
  private static final int[] CAPACITIES = {1, 2, 3, 5, 10, 23, 40};

  private static void compare(
      Supplier<ReplacementPolicy> policy, IntFunction<SlowPolicy> reference) {
    int hits = 0;
    for (int i = 0; i < TRACES; i++) {
      int[] uses = Uses.random(Seeds.derive(Seeds.base(), i), 700, 30);
      for (int capacity : CAPACITIES) {
        BitSet expected = reference.apply(capacity).hits(uses);
        String which = "trace=" + i + ", capacity=" + capacity;
        // powers of two, so that shares of the capacity are the same numbers
        assertEquals(expected, Uses.hits(policy.get(), null, uses, capacity, 1), which);
        assertEquals(expected, Uses.hits(policy.get(), null, uses, capacity, 4096), which);
        hits += expected.cardinality();
      }
    }
    assertTrue(hits > 1000, "the traces have no hits to compare: " + hits);
  }

  @Test
  void lru_onRandomUses_hitsAsItsReference() {
    compare(Lru::new, SlowPolicy.Lru::new);
  }

  @Test
  void lfu_onRandomUses_hitsAsItsReference() {
    compare(Lfu::new, c -> new SlowPolicy.Ranked(c, false));
  }

  @Test
  void gdsf_onRandomUses_hitsAsItsReference() {
    for (int i = 0; i < TRACES; i++) {
      int[] uses = Uses.random(Seeds.derive(Seeds.base(), i), 700, 30);
      for (int capacity : CAPACITIES) {
        assertEquals(
            new SlowPolicy.Ranked(capacity, true).hits(uses),
            Uses.hits(new Gdsf(), null, uses, capacity, 1));
      }
    }
  }

  @Test
  void sieve_onRandomUses_hitsAsItsReference() {
    compare(Sieve::new, SlowPolicy.Sieve::new);
  }

  @Test
  void s3Fifo_onRandomUses_hitsAsItsReference() {
    compare(S3Fifo::new, SlowPolicy.S3Fifo::new);
  }

  @Test
  void slru_onRandomUses_hitsAsItsReference() {
    compare(Slru::new, SlowPolicy.Slru::new);
  }

  @Test
  void arc_onRandomUses_hitsAsItsReference() {
    compare(Arc::new, SlowPolicy.Arc::new);
  }

  @Test
  void wTinyLfu_onRandomUses_hitsAsItsReference() {
    compare(WTinyLfu::new, SlowPolicy.WTinyLfu::new);
    for (int capacity : new int[] {99, 100, 101, 150, 230}) { // windows of one page and of two
      int[] uses = Uses.random(capacity, 4000, 120);
      BitSet expected = new SlowPolicy.WTinyLfu(capacity).hits(uses);
      assertEquals(expected, Uses.hits(new WTinyLfu(), null, uses, capacity, 64));
    }
  }

  /** LRU of a chain is tail-first LRU where chains have one page. */
  @Test
  void tailFirstLru_withoutChains_isLru() {
    compare(TailFirstLru::new, SlowPolicy.Lru::new);
  }
}
