package io.kvarena.bench.simulate;

import io.kvarena.policies.replacement.Future;
import io.kvarena.policies.replacement.Policies;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * One trace under several policies in several hierarchies of tiers, each pair replayed by itself on
 * whatever core is free.
 */
final class Simulation {

  /** The policy that regret is measured against. */
  static final String CEILING = "clairvoyant";

  /** Needs no more room than the trace has blocks, whatever it is given. */
  static final String UNBOUNDED = "unbounded";

  private final Trace trace;
  private final List<Policies.Entry> policies;
  private final List<List<TierSpec>> hierarchies;
  private final long blockBytes;
  private final double tokensPerSecond;

  /**
   * @param tokensPerSecond of prefill, which hits save
   */
  Simulation(
      Trace trace,
      List<Policies.Entry> policies,
      List<List<TierSpec>> hierarchies,
      long blockBytes,
      double tokensPerSecond) {
    this.trace = trace;
    this.policies = policies;
    this.hierarchies = hierarchies;
    this.blockBytes = blockBytes;
    this.tokensPerSecond = tokensPerSecond;
  }

  private record Case(Policies.Entry policy, List<TierSpec> tiers) {}

  /** Replays to do: the ceiling is always among them. */
  int cases() {
    return all().size();
  }

  /** Each policy in each hierarchy, then the ceilings that are not among these. */
  private Set<Case> all() {
    Set<Case> cases = new LinkedHashSet<>();
    for (List<TierSpec> tiers : hierarchies) {
      policies.forEach(policy -> cases.add(new Case(policy, tiers)));
    }
    hierarchies.forEach(tiers -> cases.add(ceiling(tiers)));
    return cases;
  }

  /** The ceiling has one tier as large as all: it need not care what lies where. */
  private static Case ceiling(List<TierSpec> tiers) {
    int blocks = (int) Math.min(capacity(tiers), Integer.MAX_VALUE - 1);
    return new Case(Policies.named(CEILING), TierSpec.single(blocks));
  }

  private static long capacity(List<TierSpec> tiers) {
    return tiers.stream().mapToLong(TierSpec::blocks).sum();
  }

  /** The rows, hierarchy by hierarchy; {@code done} is run after each replay, on any thread. */
  List<SimulationRow> run(Runnable done) {
    Future future = trace.future();
    List<Case> cases = List.copyOf(all());
    List<Replay.Counts> found =
        cases.parallelStream()
            .map(
                one -> {
                  Replay.Counts counts = replay(one, future.again());
                  done.run();
                  return counts;
                })
            .toList();
    List<SimulationRow> rows = new ArrayList<>();
    for (int i = 0; i < hierarchies.size() * policies.size(); i++) {
      Case one = cases.get(i);
      double ceiling = found.get(cases.indexOf(ceiling(one.tiers()))).blockHitRate();
      rows.add(row(one, found.get(i), ceiling));
    }
    return rows;
  }

  private Replay.Counts replay(Case one, Future future) {
    List<TierSpec> tiers = one.tiers();
    if (one.policy().name().equals(UNBOUNDED)) {
      TierSpec first = tiers.getFirst();
      tiers = List.of(new TierSpec(first.name(), Integer.MAX_VALUE, first.bytesPerSecond()));
    }
    return new Replay(trace, one.policy(), tiers, blockBytes, future).run();
  }

  private SimulationRow row(Case one, Replay.Counts counts, double ceiling) {
    return new SimulationRow(
        trace.name(),
        one.policy().name(),
        capacity(one.tiers()),
        one.tiers(),
        counts,
        ceiling - counts.blockHitRate(),
        counts.prefixHitTokens() / tokensPerSecond - counts.loadSeconds());
  }
}
