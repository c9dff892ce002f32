package io.kvarena.policies.replacement;

import io.kvarena.policy.ReplacementPolicy;
import io.kvarena.tier.PageKey;
import org.jspecify.annotations.Nullable;

/**
 * Gives up the page that was not used for longest.
 *
 * <p>Source: Mattson, Gecsei, Slutz, Traiger, Evaluation techniques for storage hierarchies, IBM
 * Systems Journal 9(2), 1970.
 */
public final class Lru implements ReplacementPolicy {

  private final Books books = new Books();
  private final Books.Order queue = books.order();

  @Override
  public String name() {
    return "lru";
  }

  // on use of x: move x to the newest end
  @Override
  public void touch(PageKey page) {
    queue.append(books.used(page));
  }

  // on a miss: the oldest goes
  @Override
  public @Nullable PageKey victim() {
    return books.drop(queue.oldest());
  }

  // x comes to the newest end
  @Override
  public void admit(PageKey page, long bytes, double cost) {
    queue.append(books.admit(page, bytes));
  }

  @Override
  public void remove(PageKey page) {
    books.drop(books.there(page));
  }
}
