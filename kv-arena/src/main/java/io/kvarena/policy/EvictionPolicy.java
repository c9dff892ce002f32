package io.kvarena.policy;

import java.util.Set;

/**
 * Decides which tokens a sequence forgets. A policy returns values and moves no bytes; one instance
 * serves many sequences and keeps no state of its own.
 */
public interface EvictionPolicy {

  /** Short name for tables and messages. */
  String name();

  /** The signals without which this policy cannot decide. */
  default Set<Signal> needs() {
    return Set.of();
  }

  /**
   * What to forget before a step of {@code incoming} tokens is opened, so that what is kept and the
   * newcomers fit the budget.
   */
  Selection select(SequenceView view, int incoming, Budget budget);
}
