package io.kvarena.policies.replacement;

import io.kvarena.policy.ReplacementPolicy;
import java.util.List;
import java.util.function.Function;

/**
 * The replacement policies there are: a line here puts a policy under the contract suite, into the
 * simulator's table and into docs/replacement.md.
 */
public final class Policies {

  /**
   * A policy.
   *
   * @param name as it says itself
   * @param source who described it, short
   * @param state what it keeps for a page that is there, and beside that
   * @param maker makes one from a future, which most do not look at
   */
  public record Entry(
      String name, String source, String state, Function<Future, ReplacementPolicy> maker) {

    /** A new policy with nothing in its books; {@code future} is for those that look ahead. */
    public ReplacementPolicy create(Future future) {
      return maker.apply(future);
    }
  }

  private static final List<Entry> ALL =
      List.of(
          of("fifo", "first in, first out", "order", f -> new Fifo()),
          of("lru", "Mattson 1970", "order", f -> new Lru()),
          of("lru-tail-first", "vLLM, SGLang", "order, parent", f -> new TailFirstLru()),
          of("lfu", "Breslau 1999", "uses, heap", f -> new Lfu()),
          of("slru", "Karedla 1994", "two orders", f -> new Slru()),
          of("arc", "Megiddo 2003", "two orders, as many ghosts as pages", f -> new Arc()),
          of("gdsf", "Cherkasova 1998", "uses, cost, heap", f -> new Gdsf()),
          of("w-tinylfu", "Einziger 2017", "three orders, 4 counters a page", f -> new WTinyLfu()),
          of("s3-fifo", "Yang 2023", "two queues, uses, 0.9 ghosts a page", f -> new S3Fifo()),
          of("sieve", "Zhang 2024", "queue, a mark, a hand", f -> new Sieve()),
          of("clairvoyant", "Belady 1966", "the future", Clairvoyant::new),
          of("clairvoyant-prefix", "ours", "the future, parent", Clairvoyant::prefixAware),
          of("unbounded", "all there is room for", "queue", f -> new Unbounded()));

  private Policies() {}

  private static Entry of(
      String name, String source, String state, Function<Future, ReplacementPolicy> maker) {
    return new Entry(name, source, state, maker);
  }

  /** All of them, ceilings last. */
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
                    "no such replacement policy: name="
                        + name
                        + "; use one of "
                        + String.join(" ", ALL.stream().map(Entry::name).toList())));
  }
}
