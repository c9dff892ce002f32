package io.kvarena.policy;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * The sequence attended longest ago goes first, of one sequence the oldest tokens, in all layers
 * alike; the one that asks goes last. What a cache does if it is told nothing else.
 *
 * <p>So of a sequence larger than memory a fixed part stays, and the rest is read from the tier in
 * each step: whatever was read last would never be there when it is read next.
 */
public record ColdestFirst() implements PlacementPolicy {

  /** Who asks comes last; the id decides between sequences that were attended together. */
  public static final Comparator<StoredSequence> ORDER =
      Comparator.comparing(StoredSequence::asks)
          .thenComparing(StoredSequence::idleNanos, Comparator.reverseOrder())
          .thenComparing(StoredSequence::id);

  @Override
  public String name() {
    return "coldest-first";
  }

  @Override
  public MovePlan out(StoreView store, long bytes) {
    List<Move> moves = new ArrayList<>();
    long found = 0;
    for (StoredSequence sequence : store.sequences().stream().sorted(ORDER).toList()) {
      long here = found < bytes ? store.residentBytes(sequence) : 0;
      if (here > 0) {
        moves.add(Move.of(sequence));
        found += here;
      }
    }
    return new MovePlan(moves, bytes);
  }
}
