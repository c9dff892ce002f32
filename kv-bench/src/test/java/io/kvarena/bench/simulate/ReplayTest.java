package io.kvarena.bench.simulate;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kvarena.fixtures.trace.TraceRecipe;
import io.kvarena.fixtures.trace.TraceRequest;
import io.kvarena.policies.replacement.Policies;
import io.kvarena.policy.ReplacementPolicy;
import io.kvarena.tier.PageKey;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class ReplayTest {

  private static final List<TraceRequest> REQUESTS = TraceRecipe.conversation(300).generate(1);
  private static final Trace TRACE = Trace.of("t", 512, REQUESTS);

  private static Replay.Counts replay(String policy, List<TierSpec> tiers, long blockBytes) {
    return new Replay(TRACE, Policies.named(policy), tiers, blockBytes, TRACE.future()).run();
  }

  /** The rule of the replay once more, over a list of block names. */
  @Test
  void lru_ofAGeneratedTrace_countsAsASlowReplayDoes() {
    for (int capacity : new int[] {1, 50, 300, 5000}) {
      List<Long> there = new ArrayList<>();
      long hits = 0;
      long prefixHits = 0;
      long tokens = 0;
      for (TraceRequest request : REQUESTS) {
        int prefix = 0;
        for (int i = 0; i < request.blocks().length; i++) {
          if (there.contains(request.blocks()[i])) {
            hits++;
            prefix += prefix == i ? 1 : 0;
          }
        }
        prefixHits += prefix;
        tokens += Math.min(prefix * 512, request.inputTokens());
        for (long block : request.blocks()) {
          there.remove((Long) block);
          there.add(block);
          if (there.size() > capacity) {
            there.removeFirst();
          }
        }
      }
      Replay.Counts counts = replay("lru", TierSpec.single(capacity), 7);
      assertEquals(hits, counts.hits());
      assertEquals(prefixHits, counts.prefixHits());
      assertEquals(tokens, counts.prefixHitTokens());
    }
  }

  @Test
  void unbounded_ofAGeneratedTrace_hitsWhateverWasSeenBefore() {
    Set<Long> seen = new HashSet<>();
    long hits = 0;
    long uses = 0;
    for (TraceRequest request : REQUESTS) {
      for (long block : request.blocks()) {
        hits += seen.contains(block) ? 1 : 0;
        uses++;
      }
      for (long block : request.blocks()) {
        seen.add(block);
      }
    }
    Replay.Counts counts = replay("unbounded", TierSpec.single(Integer.MAX_VALUE), 7);
    assertEquals(hits, counts.hits());
    assertEquals(hits, counts.prefixHits());
    assertEquals(uses, counts.uses());
    assertEquals(seen.size(), TRACE.keys().length);
  }

  /** LRU tier by tier is LRU of all tiers together, cut into pieces. */
  @Test
  void tiers_underLru_hitAsOneTierOfTheirSize() {
    List<TierSpec> tiers =
        List.of(
            new TierSpec("host", 40, 1000),
            new TierSpec("disk", 160, 100),
            new TierSpec("x", 1, 1));
    Replay.Counts all = replay("lru", tiers, 10);
    Replay.Counts first = replay("lru", TierSpec.single(40), 10);
    Replay.Counts two = replay("lru", TierSpec.single(200), 10);
    Replay.Counts one = replay("lru", TierSpec.single(201), 10);
    assertEquals(one.hits(), all.hits());
    assertEquals(one.prefixHits(), all.prefixHits());
    long[] loads = all.loads();
    assertEquals(all.prefixHits(), loads[0] + loads[1] + loads[2]);
    // a hit in the first tier is one that the first tier alone would have, and so on
    assertTrue(loads[0] <= first.hits() && loads[0] + loads[1] <= two.hits());
    assertTrue(loads[0] > 0 && loads[1] > 0);
    assertEquals(
        loads[0] * 10 / 1000.0 + loads[1] * 10 / 100.0 + loads[2] * 10.0, all.loadSeconds(), 1e-9);
  }

  /** No policy in tiers has more hits than the clairvoyant in one tier of their size. */
  @Test
  void policies_inTiers_haveNoMoreHitsThanTheClairvoyantInOne() {
    List<TierSpec> tiers = List.of(new TierSpec("host", 30, 1), new TierSpec("disk", 70, 1));
    List<Policies.Entry> policies =
        Policies.all().stream()
            .filter(entry -> !entry.name().matches("clairvoyant-prefix|unbounded"))
            .toList();
    List<SimulationRow> rows =
        new Simulation(TRACE, policies, List.of(tiers), 1, 1000).run(() -> {});
    assertEquals(policies.size(), rows.size());
    double ceiling = replay("clairvoyant", TierSpec.single(100), 1).blockHitRate();
    for (SimulationRow row : rows) {
      assertTrue(row.regret() >= 0, row.policy());
      assertEquals(ceiling, row.regret() + row.counts().blockHitRate(), 1e-12);
    }
  }

  @Test
  void victimThatIsNotThere_isRefused() {
    Policies.Entry wrong =
        new Policies.Entry("wrong", "", "", future -> new Stuck(TRACE.keys()[0]));
    Replay replay = new Replay(TRACE, wrong, TierSpec.single(2), 1, TRACE.future());
    assertEquals(
        "a policy gave up a page that is not there: policy=stuck,"
            + " page=00000000000000000000000000000000; run it through ReplacementPolicyContract",
        assertThrows(IllegalStateException.class, replay::run).getMessage());
  }

  /** Always gives up the same page. */
  private record Stuck(PageKey page) implements ReplacementPolicy {
    @Override
    public String name() {
      return "stuck";
    }

    @Override
    public void admit(PageKey page, long bytes, double cost) {}

    @Override
    public void touch(PageKey page) {}

    @Override
    public void remove(PageKey page) {}

    @Override
    public PageKey victim() {
      return page;
    }
  }

  @Test
  void trace_ofRequests_numbersBlocksAndKnowsTheirParents() {
    Trace trace =
        Trace.of(
            "t",
            4,
            List.of(
                new TraceRequest(0, null, 7, 0, new long[] {90, 5}),
                new TraceRequest(0, null, 9, 0, new long[] {90, 5, -1}),
                new TraceRequest(0, null, 9, 0, new long[] {90, 7})));
    assertArrayEquals(new int[] {-1, 0, 1, 0}, trace.parents());
    assertArrayEquals(new int[] {0, 3}, trace.requests()[2]);
    assertEquals(7, trace.uses());
    assertEquals(25, trace.tokens());
  }

  @Test
  void tierSpecs_asWritten_areRead() {
    assertEquals(
        List.of(new TierSpec("host", 128, 20e9), new TierSpec("disk", 1600, 2.5e9)),
        TierSpec.parse(List.of("host:8g:20GB/s", "disk:100GiB:2.5gb/s"), 64 << 20));
    assertEquals(
        List.of(new TierSpec("gpu", 3, Double.POSITIVE_INFINITY)),
        TierSpec.parse(List.of("gpu:3k"), 1024));
    assertEquals(3000, TierSpec.count("3k"));
    assertEquals(1500, TierSpec.count("1.5K"));
    assertEquals(64 << 20, TierSpec.bytes("64m"));
    for (String bad :
        List.of("host", "host:8x", "host:8g:20", ":8g", "host:8g:1/s:2", "host:-1g")) {
      assertEquals(
          "not a size or a tier: text="
              + bad
              + "; write counts as 3k, bytes as 64m, tiers as host:8g:20GB/s,disk:100g:2GB/s",
          assertThrows(IllegalArgumentException.class, () -> TierSpec.parse(List.of(bad), 1024))
              .getMessage());
    }
    assertEquals(
        "no block fits a tier, or none ever comes from it: tier=host:1k, blockBytes=2048; enlarge"
            + " it, or give smaller --block-bytes",
        assertThrows(IllegalArgumentException.class, () -> TierSpec.parse(List.of("host:1k"), 2048))
            .getMessage());
  }
}
