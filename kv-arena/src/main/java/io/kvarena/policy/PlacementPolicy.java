package io.kvarena.policy;

/**
 * Decides which sealed pages leave a cache's memory for its tier, when, and which come back. A
 * policy names pages and moves none. What it names that is not there, of a sequence that is closed
 * or in use, or on the right side already, the store passes.
 *
 * <p>Answers never depend on where pages are: a page that is away is read from the tier. One
 * instance serves one cache, is asked by several threads at once, must answer soon and must not
 * call the cache.
 */
public interface PlacementPolicy {

  /** Short name for tables and messages. */
  String name();

  /**
   * Pages to go, so that {@code bytes} become free: a step is out of pages and waits. A step is
   * refused when the plan finds no page.
   */
  MovePlan out(StoreView store, long bytes);

  /**
   * Pages to come back. Asked when a sequence begins its step, which is {@link StoreView#asking}
   * then, and, of policies that want it, between steps.
   *
   * @param room free bytes that may be filled; the store stops there, whatever the plan says
   */
  default MovePlan back(StoreView store, long room) {
    return store
        .asking()
        .map(sequence -> new MovePlan(java.util.List.of(Move.of(sequence)), room))
        .orElse(MovePlan.NOTHING);
  }

  /** Whether to ask for {@link #surplus} and {@link #back} between steps, on another thread. */
  default boolean actsBetweenSteps() {
    return false;
  }

  /** Pages to go although nothing is short. */
  default MovePlan surplus(StoreView store) {
    return MovePlan.NOTHING;
  }

  /**
   * Pages of which the tier should have a copy, so that they go at once when they have to: under
   * {@link Copying#SELECTIVE}. Those that would go next, if a policy says nothing else.
   *
   * @param bytes what usually goes at a time
   */
  default MovePlan copies(StoreView store, long bytes) {
    return out(store, bytes);
  }
}
