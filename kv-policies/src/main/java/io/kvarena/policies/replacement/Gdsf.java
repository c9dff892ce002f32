package io.kvarena.policies.replacement;

import io.kvarena.policy.ReplacementPolicy;
import io.kvarena.tier.PageKey;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Greedy-Dual-Size with frequency: weighs uses and cost against size, and ages all pages by what
 * the last victim was worth.
 *
 * <p>Source: Cherkasova, Improving WWW proxies performance with Greedy-Dual-Size-Frequency caching
 * policy, HP Labs HPL-98-69R1, 1998. Of equal priorities the page not used for longest goes.
 */
public final class Gdsf implements ReplacementPolicy {

  private final Books books = new Books();
  private final Books.Order there = books.order();
  private final Ranking byPriority = new Ranking();
  private double[] costs = new double[16]; // by number
  private double clock;
  private long uses;

  @Override
  public String name() {
    return "gdsf";
  }

  // on use of f: Fr(f) = Fr(f) + 1; Pr(f) = Clock + Fr(f) * Cost(f) / Size(f)
  @Override
  public void touch(PageKey page) {
    count(books.used(page));
  }

  private void count(int number) {
    int frequency = (int) Math.min(books.mark(number) + 1L, Integer.MAX_VALUE);
    books.mark(number, frequency);
    double priority = clock + frequency * costs[number] / Math.max(1, books.bytes(number));
    byPriority.put(number, priority, uses++);
  }

  // on a miss: the file of the lowest Pr goes; Clock = its Pr
  @Override
  public @Nullable PageKey victim() {
    int lowest = byPriority.lowest();
    if (lowest != Books.NONE) {
      clock = byPriority.rank(lowest);
    }
    return drop(lowest);
  }

  // Fr(f) = 1; Pr(f) = Clock + Fr(f) * Cost(f) / Size(f)
  @Override
  public void admit(PageKey page, long bytes, double cost) {
    int number = books.admit(page, bytes);
    if (number >= costs.length) {
      costs = Arrays.copyOf(costs, 2 * number);
    }
    costs[number] = cost;
    there.append(number);
    count(number);
  }

  @Override
  public void remove(PageKey page) {
    drop(books.there(page));
  }

  private @Nullable PageKey drop(int number) {
    if (number != Books.NONE) {
      byPriority.remove(number);
    }
    return books.drop(number);
  }
}
