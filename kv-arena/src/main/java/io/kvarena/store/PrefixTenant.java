package io.kvarena.store;

import io.kvarena.policy.ReplacementPolicy;
import io.kvarena.tier.PageKey;

/**
 * Whose chunks they are. Each tenant has an order of replacement of its own, and what it holds is
 * counted, so that one cannot push another out unseen. Guarded by the index.
 */
final class PrefixTenant {

  /** The key that all chains of the tenant begin with. */
  final PageKey root;

  final String name;

  /** Knows the chunks in the arena that have none behind them there and are not pinned. */
  final ReplacementPolicy leaves;

  /** Bytes of its chunks in the arena. */
  long bytes;

  /** Its chunks, wherever they are: with the last one the tenant is forgotten. */
  int chunks;

  PrefixTenant(PageKey root, String name, ReplacementPolicy leaves) {
    this.root = root;
    this.name = name;
    this.leaves = leaves;
  }
}
