package io.kvarena.policies.placement;

import io.kvarena.policy.ColdestFirst;
import io.kvarena.policy.PlacementPolicy;
import java.util.List;
import java.util.function.Function;
import java.util.function.Supplier;

/** The placement policies there are: a line here puts a policy under the contract suite. */
public final class Placements {

  /**
   * A policy.
   *
   * @param name as it says itself
   * @param source who described it, short
   * @param maker makes one with its defaults from a schedule: ids of sequences in the order of
   *     their next turns, which most do not look at
   */
  public record Entry(
      String name, String source, Function<Supplier<List<Long>>, PlacementPolicy> maker) {

    /** A new policy. */
    public PlacementPolicy create(Supplier<List<Long>> schedule) {
      return maker.apply(schedule);
    }
  }

  private static final List<Entry> ALL =
      List.of(
          new Entry("coldest-first", "ours", schedule -> new ColdestFirst()),
          new Entry("watermark-coldest-first", "Bach 1986", schedule -> new Watermark()),
          new Entry("layer-wise", "LayerKV 2024", schedule -> new LayerWise()),
          new Entry("look-ahead", "CachedAttention 2024", LookAhead::new),
          new Entry("cost-based", "FlexGen 2023, Cake 2024", schedule -> new CostBased()));

  private Placements() {}

  /** All of them, the cache's default first. */
  public static List<Entry> all() {
    return ALL;
  }

  /**
   * The policy of a name.
   *
   * @throws IllegalArgumentException if there is none
   */
  public static Entry named(String name) {
    return ALL.stream()
        .filter(entry -> entry.name().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "no such placement policy: name="
                        + name
                        + "; use one of "
                        + String.join(" ", ALL.stream().map(Entry::name).toList())));
  }
}
