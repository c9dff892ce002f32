package io.kvarena.policy;

import java.util.List;

/**
 * What a policy wants forgotten: ranges of positions for each layer. The store clears the slots'
 * live bits; other sequences that share the pages keep theirs.
 *
 * @param forget [layers][ranges]
 */
public record Selection(List<List<Range>> forget) {

  /** The positions from, inclusive, to, exclusive. */
  public record Range(int from, int to) {
    public Range {
      if (from < 0 || to < from) {
        throw new IllegalArgumentException(
            "a range runs upwards from 0: from=" + from + ", to=" + to + "; give from <= to");
      }
    }
  }

  /** Forget nothing. */
  public static final Selection NOTHING = new Selection(List.of());

  public Selection {
    forget = forget.stream().map(List::copyOf).toList();
  }

  /** The same ranges in every layer. */
  public static Selection everywhere(int layers, Range... ranges) {
    return new Selection(java.util.Collections.nCopies(layers, List.of(ranges)));
  }

  /** Whether nothing is forgotten. */
  public boolean isEmpty() {
    return forget.stream().allMatch(List::isEmpty);
  }
}
