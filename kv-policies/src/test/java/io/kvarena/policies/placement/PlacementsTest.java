package io.kvarena.policies.placement;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.kvarena.KvCache;
import io.kvarena.KvSequence;
import io.kvarena.KvShape;
import io.kvarena.LayerShape;
import io.kvarena.Rope;
import io.kvarena.attention.ScalarKernel;
import io.kvarena.fixtures.cache.TokenRows;
import io.kvarena.fixtures.policy.PlacementPolicyContract;
import io.kvarena.fixtures.tier.MapTier;
import io.kvarena.policy.PlacementPolicy;
import io.kvarena.policy.StoreView;
import io.kvarena.policy.StoredSequence;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/** Every policy of the registry under the contract, and some with other parameters. */
class PlacementsTest extends PlacementPolicyContract {

  /** Turns of sequences that are mostly there, one of them twice. */
  private static final List<Long> SCHEDULE = List.of(3L, 99L, 2L, 3L, 1L, 5L, 4L);

  @Override
  protected List<Supplier<? extends PlacementPolicy>> policies() {
    List<Supplier<? extends PlacementPolicy>> policies = new ArrayList<>();
    for (Placements.Entry entry : Placements.all()) {
      policies.add(() -> entry.create(() -> SCHEDULE));
    }
    policies.add(() -> new LayerWise(1));
    policies.add(() -> new Watermark(new LookAhead(() -> SCHEDULE, 2), 0.4, 0.3));
    return policies;
  }

  @Override
  protected Set<Long> spared(PlacementPolicy policy, StoreView store) {
    Set<Long> spared = new HashSet<>();
    if (policy instanceof LookAhead lookAhead) {
      // 4 turns: those of 3, 99, 2 and 3 again.
      spared.addAll(List.of(3L, 99L, 2L));
      store.asking().map(StoredSequence::id).ifPresent(spared::remove);
      assertEquals(4, lookAhead.window());
    } else if (policy.name().endsWith("coldest-first")) {
      store.asking().map(StoredSequence::id).ifPresent(spared::add);
    }
    return spared;
  }

  @Test
  void entries_areNamedAsTheirPolicies() {
    for (Placements.Entry entry : Placements.all()) {
      assertEquals(entry.name(), entry.create(List::of).name());
      assertEquals(entry, Placements.named(entry.name()));
    }
  }

  @Test
  void named_ofAnUnknownName_saysWhichThereAre() {
    assertEquals(
        "no such placement policy: name=mru; use one of coldest-first watermark-coldest-first"
            + " layer-wise look-ahead cost-based",
        assertThrows(IllegalArgumentException.class, () -> Placements.named("mru")).getMessage());
  }

  @Test
  void parameters_outOfRange_areRefused() {
    assertEquals(
        "watermarks are shares of the memory: low=0.9, high=0.8; give 0 < low <= high <= 1, such as"
            + " 0.75 and 0.85",
        refused(() -> new Watermark(new LayerWise(), 0.8, 0.9)));
    assertEquals(
        "layers that stay are counted from 0: kept=-1; 8 is the default",
        refused(() -> new LayerWise(-1)));
    assertEquals(
        "a window is of turns: window=-1; 4 is the default",
        refused(() -> new LookAhead(List::of, -1)));
    assertEquals(
        "a speed is not negative: tokensPerSecond=NaN; 0 if it is not known",
        refused(() -> new CostBased(Double.NaN)));
  }

  @Test
  void lookAhead_inACache_bringsTheNextTurnBackBeforeIt() throws InterruptedException {
    KvShape shape = KvShape.uniform(2, LayerShape.of(1, 1, 8, Rope.NONE));
    TokenRows rows = new TokenRows(shape, 1);
    List<Long> schedule = new CopyOnWriteArrayList<>();
    try (KvCache cache =
            KvCache.builder(shape)
                .kernel(new ScalarKernel())
                .pageTokens(8)
                .threads(1)
                .maxBytes(4L << 20)
                .tier(new MapTier())
                .placement(new LookAhead(() -> schedule))
                .build();
        KvSequence waiting = cache.open();
        KvSequence other = cache.open();
        KvSequence running = cache.open()) {
      rows.feed(waiting, 0, 80, 8);
      rows.feed(other, 0, 40, 8);
      waiting.offload();
      other.offload();
      rows.feed(running, 0, 1, 1);
      assertEquals(30, cache.stats().offloadedPages());
      schedule.add(waiting.id());
      rows.feed(running, 1, 2, 1);
      for (int i = 0; i < 20_000 && cache.stats().offloadedPages() > 10; i++) {
        Thread.sleep(1);
      }
      // The other has no turn.
      assertEquals(10, cache.stats().offloadedPages());
    }
  }

  private static String refused(Supplier<PlacementPolicy> policy) {
    return String.valueOf(assertThrows(IllegalArgumentException.class, policy::get).getMessage());
  }
}
