package io.kvarena;

import java.util.List;

/**
 * What would be found of a prompt, chunk by chunk, and why the rest would not. For those who run
 * the cache: it tells of one tenant what another one must not learn.
 *
 * @param parts the chunks of the prompt in their order, the last one cut short
 */
public record Explanation(List<Part> parts) {

  /** What becomes of a chunk. */
  public enum Outcome {
    /** Its pages are in memory. */
    HIT_MEMORY,
    /** Its pages are in the durable tier. */
    HIT_TIER,
    /** Nothing like it was ever published, as far as is remembered. */
    NEVER_SEEN,
    /** It was there and was given up. */
    EVICTED,
    /** Its pages were in the tier and did not come back as they were stored. */
    CORRUPT,
    /** Another tenant or adapter has the same tokens. */
    OTHER_TENANT,
    /** It, or what is left to feed, is less than a chunk or the last token. */
    TOO_SHORT,
    /** A chunk before it is missing. */
    BEHIND_A_MISS
  }

  /**
   * A chunk.
   *
   * @param from its first token
   * @param to the token behind its last one
   * @param detail by whom and when it was evicted, in words; else empty
   */
  public record Part(int from, int to, Outcome outcome, String detail) {}

  public Explanation {
    parts = List.copyOf(parts);
  }

  /** Tokens that need not be fed. */
  public int hitTokens() {
    return parts.stream()
        .filter(part -> part.outcome() == Outcome.HIT_MEMORY || part.outcome() == Outcome.HIT_TIER)
        .mapToInt(part -> part.to() - part.from())
        .sum();
  }
}
