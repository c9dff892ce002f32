package io.kvarena.policies.replacement;

import io.kvarena.policy.ReplacementPolicy;
import io.kvarena.tier.PageKey;
import org.jspecify.annotations.Nullable;

/**
 * Balances pages used once (T1) and more often (T2) by which of the two would have needed more
 * room: ghosts of both (B1, B2) are remembered, and a use of one moves the target p.
 *
 * <p>Source: Megiddo, Modha, ARC: a self-tuning, low overhead replacement cache, FAST 2003, figure
 * 4. Ghosts beyond the paper's bounds go when the newcomer is in rather than before: with pages of
 * one size it is the same ghost.
 */
public final class Arc implements ReplacementPolicy {

  private final Books books = new Books();
  private final Books.Order t1 = books.order();
  private final Books.Order t2 = books.order();
  private final Books.Order b1 = books.ghosts();
  private final Books.Order b2 = books.ghosts();
  private double p;
  private @Nullable PageKey adaptedTo;

  @Override
  public String name() {
    return "arc";
  }

  @Override
  public void capacity(long bytes) {
    books.capacity(bytes);
    p = Math.min(p, (double) bytes);
  }

  // case I: x is in T1 or T2: move x to MRU of T2
  @Override
  public void touch(PageKey page) {
    t2.append(books.used(page));
  }

  // case II: x is in B1: p = min(p + d, c), d = 1 if |B1| >= |B2|, else |B2| / |B1|
  // case III: x is in B2: p = max(p - d, 0), d = 1 if |B2| >= |B1|, else |B1| / |B2|
  private void adapt(int x) {
    double step = books.bytes(x);
    if (b1.holds(x)) {
      p = Math.min(p + step * ratio(b2, b1), (double) books.capacity());
    } else if (b2.holds(x)) {
      p = Math.max(p - step * ratio(b1, b2), 0);
    }
  }

  private static double ratio(Books.Order other, Books.Order own) {
    return Math.max(1, (double) other.bytes() / Math.max(1, own.bytes()));
  }

  // REPLACE(x, p): if T1 is not empty and (|T1| > p or (x is in B2 and |T1| = p)):
  //   move LRU of T1 to MRU of B1
  // else: move LRU of T2 to MRU of B2
  @Override
  public @Nullable PageKey victimFor(PageKey newcomer, @Nullable PageKey parent) {
    int x = books.ghost(newcomer);
    if (x != Books.NONE && !newcomer.equals(adaptedTo)) {
      adapt(x);
      adaptedTo = newcomer;
    }
    return replace(b2.holds(x));
  }

  @Override
  public @Nullable PageKey victim() {
    return replace(false);
  }

  private @Nullable PageKey replace(boolean isInB2) {
    boolean fromT1 = !t1.isEmpty() && (t1.bytes() > p || (isInB2 && t1.bytes() == p));
    if (fromT1 || t2.isEmpty()) {
      return move(t1.oldest(), b1);
    }
    return move(t2.oldest(), b2);
  }

  private @Nullable PageKey move(int number, Books.Order ghosts) {
    if (number == Books.NONE) {
      return null;
    }
    ghosts.append(number);
    return books.page(number);
  }

  // cases II and III: move x to MRU of T2
  // case IV: x to MRU of T1;
  //   if |T1| + |B1| > c: delete LRU of B1; if all four > 2c: delete LRU of B2
  @Override
  public void admit(PageKey page, long bytes, double cost) {
    int x = books.ghost(page);
    if (x == Books.NONE) {
      t1.append(books.admit(page, bytes));
    } else {
      if (!page.equals(adaptedTo)) {
        adapt(x);
      }
      t2.append(books.admit(page, bytes));
    }
    adaptedTo = null;
    long c = books.capacity();
    while (!b1.isEmpty() && t1.bytes() + b1.bytes() > c) {
      books.drop(b1.oldest());
    }
    while (!b2.isEmpty() && books.bytes() + b1.bytes() + b2.bytes() > 2 * c) {
      books.drop(b2.oldest());
    }
  }

  @Override
  public void remove(PageKey page) {
    books.drop(books.there(page));
  }
}
