package io.kvarena.policies.replacement;

import io.kvarena.policy.ReplacementPolicy;
import io.kvarena.tier.PageKey;
import org.jspecify.annotations.Nullable;

/**
 * A queue in the order of coming and a hand that walks from old to new: it spares and unmarks pages
 * that were used and takes the first that was not. Pages never move.
 *
 * <p>Source: Zhang et al., SIEVE is simpler than LRU, NSDI 2024, algorithm 1. The paper's tail is
 * our oldest page, its prev our newer.
 */
public final class Sieve implements ReplacementPolicy {

  private static final int VISITED = 1;

  private final Books books = new Books();
  private final Books.Order queue = books.order();
  private int hand = Books.NONE;

  @Override
  public String name() {
    return "sieve";
  }

  // if x is in T: x.visited = 1
  @Override
  public void touch(PageKey page) {
    books.mark(books.used(page), VISITED);
  }

  // else if |T| = C:
  //   o = p; if o is NULL: o = tail of T
  //   while o.visited = 1:
  //     o.visited = 0; o = o.prev; if o is NULL: o = tail of T
  //   p = o.prev
  //   discard o
  @Override
  public @Nullable PageKey victim() {
    int o = orTail(hand);
    while (o != Books.NONE && books.mark(o) == VISITED) {
      books.mark(o, 0);
      o = orTail(books.newer(o));
    }
    return discard(o);
  }

  private int orTail(int number) {
    return number == Books.NONE ? queue.oldest() : number;
  }

  // insert x at the head of T; x.visited = 0
  @Override
  public void admit(PageKey page, long bytes, double cost) {
    queue.append(books.admit(page, bytes));
  }

  @Override
  public void remove(PageKey page) {
    int number = books.there(page);
    if (number == hand) {
      discard(number);
    } else {
      books.drop(number);
    }
  }

  private @Nullable PageKey discard(int number) {
    if (number != Books.NONE) {
      hand = books.newer(number);
    }
    return books.drop(number);
  }
}
