package io.kvarena.policies.placement;

import io.kvarena.policy.ColdestFirst;
import io.kvarena.policy.MovePlan;
import io.kvarena.policy.PlacementPolicy;
import io.kvarena.policy.StoreView;

/**
 * Keeps a reserve of free memory, so that steps find room without waiting for the tier: when more
 * than {@code high} of it is used, pages go in the background until {@code low} is. Which ones,
 * another policy says.
 *
 * <p>Source: the page replacement daemon of operating systems (Bach, The Design of the UNIX
 * Operating System, 9.2.1); FastServe, arXiv 2305.05920, moves low-priority jobs out ahead of need
 * to the same end. Nothing comes back above {@code low}, or it would go again.
 *
 * @param order says which pages go and come back
 * @param high share of the memory above which pages go
 * @param low share of the memory that is left in use then
 */
public record Watermark(PlacementPolicy order, double high, double low) implements PlacementPolicy {

  public Watermark {
    if (!(low > 0 && low <= high && high <= 1)) {
      throw new IllegalArgumentException(
          "watermarks are shares of the memory: low="
              + low
              + ", high="
              + high
              + "; give 0 < low <= high <= 1, such as 0.75 and 0.85");
    }
  }

  /** Coldest first, from 85 % down to 75 %. */
  public Watermark() {
    this(new ColdestFirst());
  }

  /** From 85 % down to 75 %. */
  public Watermark(PlacementPolicy order) {
    this(order, 0.85, 0.75);
  }

  @Override
  public String name() {
    return "watermark-" + order.name();
  }

  @Override
  public MovePlan out(StoreView store, long bytes) {
    return order.out(store, bytes);
  }

  @Override
  public boolean actsBetweenSteps() {
    return true;
  }

  @Override
  public MovePlan surplus(StoreView store) {
    long most = (long) (high * store.maxBytes());
    long excess = store.usedBytes() - (long) (low * store.maxBytes());
    return store.usedBytes() > most ? order.out(store, excess) : order.surplus(store);
  }

  @Override
  public MovePlan back(StoreView store, long room) {
    long below = (long) (low * store.maxBytes()) - store.usedBytes();
    if (below <= 0) {
      return MovePlan.NOTHING;
    }
    MovePlan plan = order.back(store, Math.min(room, below));
    return new MovePlan(plan.moves(), Math.min(plan.bytes(), below));
  }

  @Override
  public MovePlan copies(StoreView store, long bytes) {
    return order.copies(store, bytes);
  }
}
