package io.kvarena.policies.replacement;

import io.kvarena.fixtures.Seeds;
import io.kvarena.policy.ReplacementPolicy;
import io.kvarena.tier.PageKey;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/** Random uses of pages of one size, and which of them a policy has there. */
final class Uses {

  private Uses() {}

  static PageKey page(int number) {
    return new PageKey(Seeds.derive(0, number), number);
  }

  static List<PageKey> pages(int[] uses) {
    List<PageKey> pages = new ArrayList<>();
    for (int use : uses) {
      pages.add(page(use));
    }
    return pages;
  }

  static double cost(int number) {
    return 1 + number % 5;
  }

  /** Popular pages, loops and pages that come once, mixed. */
  static int[] random(long seed, int count, int pages) {
    RandomGenerator random = Seeds.generator(seed);
    int[] uses = new int[count];
    int once = pages;
    for (int i = 0; i < count; ) {
      int length = Math.min(count - i, 1 + random.nextInt(2 * pages));
      int kind = random.nextInt(3);
      int start = random.nextInt(pages);
      int span = 1 + random.nextInt(pages);
      for (int j = 0; j < length; j++) {
        uses[i++] =
            switch (kind) {
              case 0 -> (int) (pages * Math.pow(random.nextDouble(), 3));
              case 1 -> (start + j % span) % pages;
              default -> random.nextInt(4) == 0 ? start : once++;
            };
      }
    }
    return uses;
  }

  /** [use]: whether the page was there. {@code capacity} pages of {@code bytes} fit. */
  static BitSet hits(
      ReplacementPolicy policy, @Nullable Future future, int[] uses, int capacity, long bytes) {
    policy.capacity(capacity * bytes);
    BitSet there = new BitSet();
    BitSet hits = new BitSet();
    for (int i = 0; i < uses.length; i++) {
      PageKey page = page(uses[i]);
      if (future != null) {
        future.used(page);
      }
      if (there.get(uses[i])) {
        hits.set(i);
        policy.touch(page);
        continue;
      }
      boolean comes = true;
      if (there.cardinality() == capacity) {
        PageKey victim = policy.victimFor(page, null);
        comes = !page.equals(victim);
        if (comes) {
          there.clear((int) victim.low());
        }
      }
      if (comes) {
        policy.admit(page, bytes, cost(uses[i]));
        there.set(uses[i]);
      }
    }
    return hits;
  }
}
