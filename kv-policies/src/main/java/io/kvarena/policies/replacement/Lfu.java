package io.kvarena.policies.replacement;

import io.kvarena.policy.ReplacementPolicy;
import io.kvarena.tier.PageKey;
import org.jspecify.annotations.Nullable;

/**
 * Gives up the page that was used least often since it came; of several the one not used for
 * longest.
 *
 * <p>Source: the in-cache LFU of Breslau et al., Web caching and Zipf-like distributions, INFOCOM
 * 1999. Uses are counted while a page is there and forgotten with it.
 */
public final class Lfu implements ReplacementPolicy {

  private final Books books = new Books();
  private final Books.Order there = books.order();
  private final Ranking byUses = new Ranking();
  private long clock;

  @Override
  public String name() {
    return "lfu";
  }

  // on use of x: x.uses += 1
  @Override
  public void touch(PageKey page) {
    count(books.used(page));
  }

  // on a miss: the page of least uses goes
  @Override
  public @Nullable PageKey victim() {
    return drop(byUses.lowest());
  }

  // x.uses = 1
  @Override
  public void admit(PageKey page, long bytes, double cost) {
    int number = books.admit(page, bytes);
    there.append(number);
    count(number);
  }

  private void count(int number) {
    int uses = (int) Math.min(books.mark(number) + 1L, Integer.MAX_VALUE);
    books.mark(number, uses);
    byUses.put(number, uses, clock++);
  }

  @Override
  public void remove(PageKey page) {
    drop(books.there(page));
  }

  private @Nullable PageKey drop(int number) {
    if (number != Books.NONE) {
      byUses.remove(number);
    }
    return books.drop(number);
  }
}
