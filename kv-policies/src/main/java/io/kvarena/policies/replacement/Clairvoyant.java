package io.kvarena.policies.replacement;

import io.kvarena.policy.ReplacementPolicy;
import io.kvarena.tier.PageKey;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Knows the future and gives up the page whose next use is farthest: no policy that takes every
 * newcomer in has more hits on pages of one size. The ceiling of every table.
 *
 * <p>Source: Belady, A study of replacement algorithms for a virtual-storage computer, IBM Systems
 * Journal 5(2), 1966. {@link #prefixAware} is ours: a page is of use only with all before it in its
 * chain, so one whose parent is gone is worth nothing, and a newcomer that would be the next to go
 * is not taken in.
 */
public final class Clairvoyant implements ReplacementPolicy {

  private final Future future;
  private final boolean prefixAware;
  private final Books books = new Books();
  private final Books.Order there = books.order();
  private final Ranking farthestFirst = new Ranking();
  private @Nullable PageKey[] parents = new PageKey[16]; // by number

  /** Bélády's rule. */
  public Clairvoyant(Future future) {
    this(future, false);
  }

  private Clairvoyant(Future future, boolean prefixAware) {
    this.future = future;
    this.prefixAware = prefixAware;
  }

  /** The rule for chains of pages. */
  public static Clairvoyant prefixAware(Future future) {
    return new Clairvoyant(future, true);
  }

  @Override
  public String name() {
    return prefixAware ? "clairvoyant-prefix" : "clairvoyant";
  }

  // on use of x: x.next = when x is used again
  @Override
  public void touch(PageKey page) {
    rank(books.used(page));
  }

  private void rank(int x) {
    rank(x, next(books.page(x), parents[x]));
  }

  private int next(PageKey page, @Nullable PageKey parent) {
    boolean orphan = prefixAware && parent != null && books.there(parent) == Books.NONE;
    return orphan ? Future.NEVER : future.next(page);
  }

  /** Of pages with the same next use, which is none, the one deepest in its chain goes. */
  private void rank(int x, int next) {
    farthestFirst.put(x, -(double) next, -books.mark(x));
  }

  // on a miss: the page of the farthest next use goes
  @Override
  public @Nullable PageKey victim() {
    return drop(farthestFirst.lowest());
  }

  // prefix-aware: the newcomer, if its next use is farther still
  @Override
  public @Nullable PageKey victimFor(PageKey newcomer, @Nullable PageKey parent) {
    int farthest = farthestFirst.lowest();
    if (prefixAware
        && farthest != Books.NONE
        && next(newcomer, parent) >= -farthestFirst.rank(farthest)) {
      return newcomer;
    }
    return drop(farthest);
  }

  @Override
  public void admit(PageKey page, @Nullable PageKey parent, long bytes, double cost) {
    int x = books.admit(page, bytes);
    if (x >= parents.length) {
      parents = Arrays.copyOf(parents, 2 * x);
    }
    parents[x] = parent;
    if (parent != null) {
      int before = books.there(parent);
      books.mark(x, before == Books.NONE ? 1 : books.mark(before) + 1); // depth in the chain
    }
    there.append(x);
    rank(x);
  }

  @Override
  public void admit(PageKey page, long bytes, double cost) {
    admit(page, null, bytes, cost);
  }

  @Override
  public void remove(PageKey page) {
    if (drop(books.there(page)) != null && prefixAware) {
      orphan(page);
    }
  }

  /**
   * Pages behind one that was taken away are worth nothing until they are used again. A victim has
   * none behind it: they would be used later still, or be deeper.
   */
  private void orphan(PageKey parent) {
    for (int x = there.oldest(); x != Books.NONE; x = books.newer(x)) {
      if (parent.equals(parents[x]) && farthestFirst.rank(x) != -Future.NEVER) {
        rank(x, Future.NEVER);
        orphan(books.page(x));
      }
    }
  }

  private @Nullable PageKey drop(int x) {
    if (x == Books.NONE) {
      return null;
    }
    farthestFirst.remove(x);
    return books.drop(x);
  }
}
