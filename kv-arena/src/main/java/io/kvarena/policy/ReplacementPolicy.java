package io.kvarena.policy;

import io.kvarena.tier.PageKey;
import org.jspecify.annotations.Nullable;

/**
 * Which page a full tier, or a prefix cache, gives up next. Keeps its own books of what is there;
 * one thread at a time.
 *
 * <p>Whoever keeps the pages says what fits ({@link #capacity}), asks for victims until a newcomer
 * fits ({@link #victimFor}), and only then admits it. A policy has to implement five methods; the
 * others tell more to those that want to know.
 */
public interface ReplacementPolicy {

  /** Name in tables and options. */
  String name();

  /**
   * What fits from now on, in bytes: said before the first page comes and whenever it changes. A
   * policy that is never told takes the most that was ever there for it.
   */
  default void capacity(long bytes) {}

  /**
   * A page has come.
   *
   * @param bytes its size
   * @param cost what it takes to have it again, in any unit that is the same for all pages
   * @throws IllegalArgumentException if it is there already
   */
  void admit(PageKey page, long bytes, double cost);

  /**
   * A page has come that is of use only together with another one.
   *
   * @param parent the page before it in its chain; null for the first page of a chain, and for one
   *     whose parent another tier has
   */
  default void admit(PageKey page, @Nullable PageKey parent, long bytes, double cost) {
    admit(page, bytes, cost);
  }

  /**
   * A page that is there was used. Pages of a chain are used from its first one on.
   *
   * @throws IllegalArgumentException if it is not there
   */
  void touch(PageKey page);

  /** A page has gone for another reason than {@link #victim}; one that is not there is passed. */
  void remove(PageKey page);

  /** The page to give up, which is gone from the books with that; null when nothing is there. */
  @Nullable PageKey victim();

  /**
   * The page to give up for one that will be admitted next; the newcomer itself, which is not
   * there, if it is the one to do without.
   *
   * @param parent of the newcomer, as it will be admitted
   */
  default @Nullable PageKey victimFor(PageKey newcomer, @Nullable PageKey parent) {
    return victim();
  }
}
