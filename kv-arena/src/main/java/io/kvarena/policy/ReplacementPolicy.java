package io.kvarena.policy;

import io.kvarena.tier.PageKey;
import org.jspecify.annotations.Nullable;

/**
 * Which page a full tier, or a prefix cache, gives up next. Keeps its own books of what is there;
 * one thread at a time.
 */
public interface ReplacementPolicy {

  /** Name in tables and options. */
  String name();

  /**
   * A page has come, which was not there.
   *
   * @param bytes its size
   * @param cost what it takes to have it again, in any unit that is the same for all pages
   */
  void admit(PageKey page, long bytes, double cost);

  /** A page that is there was used. */
  void touch(PageKey page);

  /** A page has gone for another reason than {@link #victim}; one that is not there is passed. */
  void remove(PageKey page);

  /** The page to give up, which is gone from the books with that; null when nothing is there. */
  @Nullable PageKey victim();
}
