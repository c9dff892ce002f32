package io.kvarena.policies.placement;

import io.kvarena.policy.ColdestFirst;
import io.kvarena.policy.Move;
import io.kvarena.policy.MovePlan;
import io.kvarena.policy.PlacementPolicy;
import io.kvarena.policy.StoreView;
import io.kvarena.policy.StoredSequence;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/**
 * Asks the scheduler: sequences whose turn is soon stay, and come back before it; of the others
 * those go first that are not scheduled at all, then those whose turn is last.
 *
 * <p>Source: Gao et al., Cost-Efficient Large Language Model Serving for Multi-turn Conversations
 * with CachedAttention, arXiv 2403.19708, 3.3: the scheduler's queue is looked ahead into, what is
 * within the window is fetched and spared, and what is evicted is outside of it, the tail of the
 * queue before the rest. There whole sessions move between host and disk; here pages do, so that a
 * sequence may come back in part. The paper sizes the window from the free memory; here it is
 * given.
 *
 * <pre>
 * out:   not in the queue, coldest first
 *        in the queue behind the window, last turn first
 *        who asks
 *        within the window, last turn first      // instead of refusing the step
 * back:  who begins a step; between steps, those within the window in order of their turns
 * </pre>
 *
 * @param schedule supplies the ids of sequences in the order of their next turns; asked often, by
 *     several threads
 * @param window turns that are looked ahead
 */
public record LookAhead(Supplier<List<Long>> schedule, int window) implements PlacementPolicy {

  public LookAhead {
    if (window < 0) {
      throw new IllegalArgumentException(
          "a window is of turns: window=" + window + "; 4 is the default");
    }
  }

  /** Looks 4 turns ahead. */
  public LookAhead(Supplier<List<Long>> schedule) {
    this(schedule, 4);
  }

  @Override
  public String name() {
    return "look-ahead";
  }

  /** Places in the schedule by sequence, the first where one has several. */
  private Map<Long, Integer> turns() {
    Map<Long, Integer> turns = new HashMap<>();
    int turn = 0;
    for (long sequence : schedule.get()) {
      turns.putIfAbsent(sequence, turn++);
    }
    return turns;
  }

  @Override
  public MovePlan out(StoreView store, long bytes) {
    Map<Long, Integer> turns = turns();
    Comparator<StoredSequence> order =
        Comparator.comparingInt((StoredSequence sequence) -> rank(sequence, turns))
            .thenComparing(sequence -> -turns.getOrDefault(sequence.id(), 0))
            .thenComparing(ColdestFirst.ORDER);
    List<Move> moves = new ArrayList<>();
    long found = 0;
    for (StoredSequence sequence : store.sequences().stream().sorted(order).toList()) {
      long here = found < bytes ? store.residentBytes(sequence) : 0;
      if (here > 0) {
        moves.add(Move.of(sequence));
        found += here;
      }
    }
    return new MovePlan(moves, bytes);
  }

  private int rank(StoredSequence sequence, Map<Long, Integer> turns) {
    if (sequence.asks()) {
      return 2;
    }
    Integer turn = turns.get(sequence.id());
    return turn == null ? 0 : turn < window ? 3 : 1;
  }

  @Override
  public boolean actsBetweenSteps() {
    return true;
  }

  @Override
  public MovePlan back(StoreView store, long room) {
    if (store.asking().isPresent()) {
      return PlacementPolicy.super.back(store, room);
    }
    Map<Long, Integer> turns = turns();
    List<Move> moves =
        store.sequences().stream()
            .filter(sequence -> turns.getOrDefault(sequence.id(), window) < window)
            .sorted(Comparator.comparing(sequence -> turns.getOrDefault(sequence.id(), window)))
            .map(Move::of)
            .toList();
    return new MovePlan(moves, room);
  }
}
