package io.kvarena.policies.placement;

import io.kvarena.policy.Move;
import io.kvarena.policy.MovePlan;
import io.kvarena.policy.PlacementPolicy;
import io.kvarena.policy.StoreView;
import io.kvarena.policy.StoredSequence;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * What is cheapest to have again goes first, by the speeds at which the tier has stored and loaded
 * so far. A byte of a sequence that was attended t ago is taken to be needed again in t, so that it
 * costs
 *
 * <pre>
 * (1 / storeSpeed, if the tier has no copy yet  +  1 / loadSpeed, if anybody reads it) / t
 * </pre>
 *
 * seconds of the tier's time in each second that it is away. Nobody reads pages that have left a
 * sliding layer's window.
 *
 * <p>Never moved is what costs more to bring back than to keep. Keeping it costs that the step
 * which is short is refused and its tokens are computed another time; bringing it back costs its
 * bytes over loadSpeed. So where a token's pages in all layers take longer to load than a token
 * takes to compute, only unread pages go.
 *
 * <p>Source: the cost model of FlexGen (Sheng et al., arXiv 2303.06865), bytes over measured
 * bandwidths, without its linear program, as there is one tier; and loading against computing as in
 * Cake (Jin et al., arXiv 2410.03065). A speed that is not known yet counts as the other one, and
 * as no bound.
 *
 * @param tokensPerSecond at which the model computes a prompt; 0 if that is not known, and any page
 *     may go
 */
public record CostBased(double tokensPerSecond) implements PlacementPolicy {

  public CostBased {
    if (!(tokensPerSecond >= 0)) {
      throw new IllegalArgumentException(
          "a speed is not negative: tokensPerSecond=" + tokensPerSecond + "; 0 if it is not known");
    }
  }

  /** Without a bound from computing anew. */
  public CostBased() {
    this(0);
  }

  @Override
  public String name() {
    return "cost-based";
  }

  /** Pages of a layer of a sequence, what a byte of them costs, and what they are in bytes. */
  private record Offer(boolean isLast, double cost, Move move, long bytes) {}

  private static final Comparator<Offer> ORDER =
      Comparator.comparing(Offer::isLast)
          .thenComparingDouble(Offer::cost)
          .thenComparing(offer -> offer.move().sequence())
          .thenComparing(offer -> offer.move().layer());

  @Override
  public MovePlan out(StoreView store, long bytes) {
    List<Offer> offers = new ArrayList<>();
    boolean unreadOnly = loadSeconds(store) * tokensPerSecond > 1;
    for (StoredSequence sequence : store.sequences()) {
      for (int layer = 0; layer < store.shape().layerCount(); layer++) {
        int unread = sequence.unread(layer);
        int read = unreadOnly ? 0 : sequence.resident(layer) - unread;
        int from = sequence.firstRead(layer);
        if (unread > 0) {
          Move move = new Move(sequence.id(), layer, 0, from);
          long freed = unread * store.pageBytes(layer);
          offers.add(new Offer(false, cost(store, sequence, layer, false), move, freed));
        }
        if (read > 0) {
          // Who asks reads them at once.
          Move move = new Move(sequence.id(), layer, from, sequence.pages());
          long freed = read * store.pageBytes(layer);
          offers.add(new Offer(sequence.asks(), cost(store, sequence, layer, true), move, freed));
        }
      }
    }
    offers.sort(ORDER);
    List<Move> moves = new ArrayList<>();
    long found = 0;
    for (int i = 0; i < offers.size() && found < bytes; i++) {
      moves.add(offers.get(i).move());
      found += offers.get(i).bytes();
    }
    return new MovePlan(moves, bytes);
  }

  /** Seconds that it takes to load what a token has in all layers; 0 if not known. */
  private static double loadSeconds(StoreView store) {
    double bytes = 0;
    for (int layer = 0; layer < store.shape().layerCount(); layer++) {
      bytes += (double) store.pageBytes(layer) / store.pageTokens();
    }
    return store.loadSpeed() == 0 ? 0 : bytes / store.loadSpeed();
  }

  /** Of a byte that is away. */
  private static double cost(StoreView store, StoredSequence of, int layer, boolean isRead) {
    double uncopied = 1 - (double) of.copied(layer) / of.resident(layer);
    double load = isRead ? 1 / known(store.loadSpeed(), store.storeSpeed()) : 0;
    double copy = uncopied / known(store.storeSpeed(), store.loadSpeed());
    return (copy + load) / (Math.max(1, of.idleNanos()) / 1e9);
  }

  private static double known(double speed, double other) {
    return speed > 0 ? speed : other > 0 ? other : 1;
  }
}
