package io.kvarena.policies.replacement;

import io.kvarena.policy.ReplacementPolicy;
import io.kvarena.tier.PageKey;
import org.jspecify.annotations.Nullable;

/**
 * A row of every table: what could be had if nothing ever went. A keeper gives it all the room
 * there is; asked for a victim after all, it gives the page that came first.
 */
public final class Unbounded implements ReplacementPolicy {

  private final Fifo books = new Fifo();

  @Override
  public String name() {
    return "unbounded";
  }

  @Override
  public void admit(PageKey page, long bytes, double cost) {
    books.admit(page, bytes, cost);
  }

  @Override
  public void touch(PageKey page) {
    books.touch(page);
  }

  @Override
  public void remove(PageKey page) {
    books.remove(page);
  }

  @Override
  public @Nullable PageKey victim() {
    return books.victim();
  }
}
