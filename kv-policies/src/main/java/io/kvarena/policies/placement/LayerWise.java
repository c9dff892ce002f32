package io.kvarena.policies.placement;

import io.kvarena.policy.ColdestFirst;
import io.kvarena.policy.Move;
import io.kvarena.policy.MovePlan;
import io.kvarena.policy.PlacementPolicy;
import io.kvarena.policy.StoreView;
import io.kvarena.policy.StoredSequence;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Keeps {@code kept} layers of each sequence in memory as long as it can, spread evenly over the
 * model, and lets the pages of the other layers go first: while a kept layer is attended, the next
 * one's pages are read from the tier.
 *
 * <p>Source: Xiong et al., LayerKV: Optimizing Large Language Model Serving with Layer-wise KV
 * Cache Management, arXiv 2410.00428. There x layers stay and the others are offloaded while a
 * prompt is computed, on a forecast of free blocks; here they go when a step is short, or when a
 * {@link Watermark} around this policy says so. The kept layers go when no others are left, which
 * the paper leaves to preemption.
 *
 * <pre>
 * for each sequence, coldest first, who asks last:     // the paper orders by arrival
 *   for each layer that is not kept, from the last:    // the first is needed soonest
 *     its pages go
 * for each sequence, likewise: the pages of its kept layers go, the oldest tokens' first
 * </pre>
 *
 * @param kept layers of each sequence that stay longest; all are alike if the model has no more
 */
public record LayerWise(int kept) implements PlacementPolicy {

  public LayerWise {
    if (kept < 0) {
      throw new IllegalArgumentException(
          "layers that stay are counted from 0: kept=" + kept + "; 8 is the default");
    }
  }

  /** Keeps 8 layers. */
  public LayerWise() {
    this(8);
  }

  @Override
  public String name() {
    return "layer-wise";
  }

  /** Whether a layer is one of those that stay: {@link #kept} of them, at even distances. */
  public boolean keeps(int layer, int layers) {
    int most = Math.min(kept, layers);
    return (long) (layer + 1) * most / layers > (long) layer * most / layers;
  }

  @Override
  public MovePlan out(StoreView store, long bytes) {
    List<Move> moves = new ArrayList<>();
    long found = 0;
    for (boolean keeping : new boolean[] {false, true}) {
      for (StoredSequence sequence : sorted(store)) {
        for (int layer = store.shape().layerCount() - 1; layer >= 0; layer--) {
          long here = sequence.resident(layer) * store.pageBytes(layer);
          boolean isKept = keeps(layer, store.shape().layerCount());
          if (isKept == keeping && here > 0 && found < bytes) {
            moves.add(Move.of(sequence, layer));
            found += here;
          }
        }
      }
    }
    return new MovePlan(moves, bytes);
  }

  private static List<StoredSequence> sorted(StoreView store) {
    Comparator<StoredSequence> order = ColdestFirst.ORDER;
    return store.sequences().stream().sorted(order).toList();
  }

  /** The kept layers first, then those that are needed soonest. */
  @Override
  public MovePlan back(StoreView store, long room) {
    List<Move> moves = new ArrayList<>();
    int layers = store.shape().layerCount();
    store
        .asking()
        .ifPresent(
            sequence -> {
              for (boolean keeping : new boolean[] {true, false}) {
                for (int layer = 0; layer < layers; layer++) {
                  if (keeps(layer, layers) == keeping) {
                    moves.add(Move.of(sequence, layer));
                  }
                }
              }
            });
    return new MovePlan(moves, room);
  }
}
