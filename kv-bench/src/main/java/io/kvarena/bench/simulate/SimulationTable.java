package io.kvarena.bench.simulate;

import io.kvarena.policies.replacement.Policies;
import java.io.PrintStream;
import java.util.List;
import java.util.Locale;

/** The rows of one trace for people. */
final class SimulationTable {

  /** Capacities side by side; more go below. */
  private static final int ABREAST = 3;

  private final PrintStream out;

  SimulationTable(PrintStream out) {
    this.out = out;
  }

  /** Hit rates: a line for each policy, side by side for each capacity. */
  void print(List<SimulationRow> rows) {
    List<Long> capacities = rows.stream().map(SimulationRow::capacity).distinct().toList();
    for (int from = 0; from < capacities.size(); from += ABREAST) {
      List<Long> some = capacities.subList(from, Math.min(from + ABREAST, capacities.size()));
      out.printf("  %-18s", "blocks that fit");
      some.forEach(capacity -> out.printf(Locale.ROOT, " │ %,-27d", capacity));
      out.println();
      out.printf("  %-18s", "policy");
      some.forEach(capacity -> out.print(" │  block prefix tokens regret"));
      out.println();
      for (String policy : rows.stream().map(SimulationRow::policy).distinct().toList()) {
        out.printf("  %-18s", policy);
        for (long capacity : some) {
          rows.stream()
              .filter(row -> row.policy().equals(policy) && row.capacity() == capacity)
              .forEach(this::print);
        }
        out.println();
      }
    }
    out.flush();
  }

  /** What there is to say of each policy, and its prefix block hit rates, in percent. */
  void printMarkdown(List<SimulationRow> rows, List<Policies.Entry> policies) {
    StringBuilder head = new StringBuilder("| policy | source | keeps |");
    StringBuilder rule = new StringBuilder("|---|---|---|");
    for (SimulationRow row : of(rows, policies.getFirst())) {
      head.append(
          String.format(
              Locale.ROOT, " %s, %,d |", row.trace().replace("generated-", ""), row.capacity()));
      rule.append("--:|");
    }
    out.println(head);
    out.println(rule);
    for (Policies.Entry policy : policies) {
      out.printf("| `%s` | %s | %s |", policy.name(), policy.source(), policy.state());
      of(rows, policy)
          .forEach(
              row -> out.printf(Locale.ROOT, " %.2f |", 100 * row.counts().prefixBlockHitRate()));
      out.println();
    }
    out.flush();
  }

  private static List<SimulationRow> of(List<SimulationRow> rows, Policies.Entry policy) {
    return rows.stream().filter(row -> row.policy().equals(policy.name())).toList();
  }

  private void print(SimulationRow row) {
    out.printf(
        Locale.ROOT,
        " │ %6.4f %6.4f %6.4f %6.4f",
        row.counts().blockHitRate(),
        row.counts().prefixBlockHitRate(),
        row.counts().prefixTokenHitRate(),
        // below zero for the policy without a bound; no minus before a zero
        Math.abs(row.regret()) < 5e-5 ? 0 : row.regret());
  }

  /** Tiers: where prefix hits lay, and what time they cost and saved. */
  void printTiers(List<SimulationRow> rows) {
    out.printf("  %-18s │  block prefix tokens regret │", "policy");
    for (TierSpec tier : rows.getFirst().tiers()) {
      out.printf(" %12s", tier.name());
    }
    out.println("      load, s     saved, s");
    for (SimulationRow row : rows) {
      out.printf("  %-18s", row.policy());
      print(row);
      out.print(" │");
      for (int i = 0; i < row.tiers().size(); i++) {
        // the policy without a bound has one tier
        long loads = i < row.counts().loads().length ? row.counts().loads()[i] : 0;
        out.printf(Locale.ROOT, " %,12d", loads);
      }
      out.printf(Locale.ROOT, " %,12.1f %,12.1f%n", row.counts().loadSeconds(), row.savedSeconds());
    }
    out.flush();
  }
}
