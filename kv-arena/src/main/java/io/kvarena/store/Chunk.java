package io.kvarena.store;

import io.kvarena.tier.PageKey;
import io.kvarena.transform.TransformInstance;
import org.jspecify.annotations.Nullable;

/**
 * The pages of all lanes that cover one range of tokens, known by what they follow from. Its pages
 * lie in the arena, or in the durable tier, or in both.
 */
final class Chunk {

  final PageKey key;

  /** The chunk before it, null for a first one. */
  final @Nullable Chunk parent;

  final PrefixTenant tenant;
  final int[] tokens;

  /** Names in the arena, [lanes]; null if they are not there. */
  volatile long @Nullable [] pages;

  /** By lane, what its keys were transformed by, [lanes][heads or none]. */
  final TransformInstance[][] instances;

  /** Checksums of the pages in the durable tier, [lanes]; null if they are not there. */
  volatile int @Nullable [] crcs;

  /** Guarded by the index: chunks behind it in memory, and wherever they are. */
  int children;

  int behind;

  /** How often it is pinned. */
  int pins;

  /** When it was last used, in nanoseconds of the system's clock. */
  volatile long usedAt = System.nanoTime();

  Chunk(
      PageKey key,
      @Nullable Chunk parent,
      PrefixTenant tenant,
      int[] tokens,
      TransformInstance[][] instances) {
    this.key = key;
    this.parent = parent;
    this.tenant = tenant;
    this.tokens = tokens;
    this.instances = instances;
  }

  /** Chunks before it. */
  int ordinal() {
    int ordinal = 0;
    for (Chunk at = parent; at != null; at = at.parent) {
      ordinal++;
    }
    return ordinal;
  }
}
