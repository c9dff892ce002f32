package io.kvarena.policies.replacement;

import io.kvarena.policy.ReplacementPolicy;
import io.kvarena.tier.PageKey;
import org.jspecify.annotations.Nullable;

/** First in, first out: uses do not count. What others have to beat. */
public final class Fifo implements ReplacementPolicy {

  private final Books books = new Books();
  private final Books.Order queue = books.order();

  @Override
  public String name() {
    return "fifo";
  }

  @Override
  public void admit(PageKey page, long bytes, double cost) {
    queue.append(books.admit(page, bytes));
  }

  @Override
  public void touch(PageKey page) {
    books.used(page);
  }

  @Override
  public void remove(PageKey page) {
    books.drop(books.there(page));
  }

  @Override
  public @Nullable PageKey victim() {
    return books.drop(queue.oldest());
  }
}
