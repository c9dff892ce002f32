package io.kvarena.policy;

import java.util.List;

/**
 * What a placement policy wants moved: the moves in their order, from the first one on, until pages
 * of {@code bytes} have been found.
 *
 * @param moves in the order in which the store looks at them; none of them names a page of another
 * @param bytes where the store stops
 */
public record MovePlan(List<Move> moves, long bytes) {

  /** Nothing moves. */
  public static final MovePlan NOTHING = new MovePlan(List.of(), 0);

  public MovePlan {
    moves = List.copyOf(moves);
  }
}
