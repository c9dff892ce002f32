package io.kvarena.bench.simulate;

import io.kvarena.policies.replacement.Future;
import io.kvarena.policies.replacement.Policies;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

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

  private List<Case> all() {
    List<Policies.Entry> entries = new ArrayList<>(policies);
    if (entries.stream().noneMatch(entry -> entry.name().equals(CEILING))) {
      entries.add(Policies.named(CEILING));
    }
    List<Case> cases = new ArrayList<>();
    for (List<TierSpec> tiers : hierarchies) {
      entries.forEach(entry -> cases.add(new Case(entry, tiers)));
    }
    return cases;
  }

  /** The rows, hierarchy by hierarchy; {@code done} is run after each replay, on any thread. */
  List<SimulationRow> run(Runnable done) {
    Future future = trace.future();
    List<Case> cases = all();
    List<Replay.Counts> counts =
        cases.parallelStream()
            .map(
                one -> {
                  Replay.Counts found = replay(one, future.again());
                  done.run();
                  return found;
                })
            .toList();
    Map<List<TierSpec>, Double> ceilings = new LinkedHashMap<>();
    for (int i = 0; i < cases.size(); i++) {
      if (cases.get(i).policy().name().equals(CEILING)) {
        ceilings.put(cases.get(i).tiers(), counts.get(i).blockHitRate());
      }
    }
    List<SimulationRow> rows = new ArrayList<>();
    for (int i = 0; i < cases.size(); i++) {
      Case one = cases.get(i);
      if (policies.contains(one.policy())) {
        rows.add(row(one, counts.get(i), ceilings.getOrDefault(one.tiers(), 0.0)));
      }
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
        one.tiers().stream().mapToLong(TierSpec::blocks).sum(),
        one.tiers(),
        counts,
        ceiling - counts.blockHitRate(),
        counts.prefixHitTokens() / tokensPerSecond - counts.loadSeconds());
  }
}
