package io.kvarena.policies.replacement;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.kvarena.fixtures.cache.Allocations;
import io.kvarena.fixtures.policy.ReplacementPolicyContract;
import io.kvarena.policy.ReplacementPolicy;
import io.kvarena.tier.PageKey;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/** Every policy of the registry under the contract. */
class PoliciesTest extends ReplacementPolicyContract {

  private static final Future NOTHING = Future.of(List.of());

  @Override
  protected List<Supplier<? extends ReplacementPolicy>> policies() {
    List<Supplier<? extends ReplacementPolicy>> policies = new ArrayList<>();
    for (Policies.Entry entry : Policies.all()) {
      policies.add(() -> entry.create(NOTHING.again()));
    }
    return policies;
  }

  @Test
  void entries_areNamedAsTheirPolicies() {
    for (Policies.Entry entry : Policies.all()) {
      assertEquals(entry.name(), entry.create(NOTHING).name());
      assertEquals(entry, Policies.named(entry.name()));
    }
  }

  @Test
  void named_ofAnUnknownName_saysWhichThereAre() {
    assertEquals(
        "no such replacement policy: name=mru; use one of "
            + String.join(" ", Policies.all().stream().map(Policies.Entry::name).toList()),
        assertThrows(IllegalArgumentException.class, () -> Policies.named("mru")).getMessage());
  }

  /** A touch allocates nothing, nor does a page that comes where another one went. */
  @Test
  void touches_andReplacements_allocateNothing() {
    PageKey[] pages = new PageKey[300];
    for (int i = 0; i < pages.length; i++) {
      pages[i] = new PageKey(i, 7L * i);
    }
    for (Policies.Entry entry : Policies.all()) {
      ReplacementPolicy policy = entry.create(NOTHING.again());
      policy.capacity(200);
      int[] next = {0};
      Runnable round =
          () -> {
            for (int i = 0; i < 200; i++) {
              PageKey newcomer = pages[(next[0] + 200) % 300];
              policy.remove(pages[next[0]]); // the one that came first, if the policy still has it
              policy.admit(newcomer, 1, 1);
              policy.touch(newcomer);
              next[0] = (next[0] + 1) % 300;
            }
          };
      for (int i = 0; i < 200; i++) {
        policy.admit(pages[i], 1, 1);
      }
      for (int i = 0; i < 6; i++) {
        round.run();
      }
      assertEquals(0, Allocations.of(round), entry.name());
    }
  }

  @Test
  void parameters_outOfRange_areRefused() {
    assertEquals(
        "the small queue is a share of the whole, and uses count to 3: smallShare=1.0, usesMin=2;"
            + " 0.1 and 2 are the paper's",
        assertThrows(IllegalArgumentException.class, () -> new S3Fifo(1, 2)).getMessage());
    assertEquals(
        "the protected segment is a share of the whole: protectedShare=0.0; 0.8 is usual",
        assertThrows(IllegalArgumentException.class, () -> new Slru(0)).getMessage());
    assertEquals(
        "window and protected segment are shares: windowShare=NaN, protectedShare=0.8; 0.01 and 0.8"
            + " are the paper's",
        assertThrows(IllegalArgumentException.class, () -> new WTinyLfu(Double.NaN, 0.8))
            .getMessage());
  }

  @Test
  void misuse_isRefusedAndSaysWhatToDo() {
    Lru lru = new Lru();
    PageKey page = new PageKey(1, 2);
    assertEquals(
        "page is not there: page=00000000000000010000000000000002, pages=0; admit it before use",
        assertThrows(IllegalArgumentException.class, () -> lru.touch(page)).getMessage());
    lru.admit(page, 1, 1);
    assertEquals(
        "page is there already: page=00000000000000010000000000000002, pages=1; touch it",
        assertThrows(IllegalArgumentException.class, () -> lru.admit(page, 1, 1)).getMessage());
  }
}
