package io.kvarena;

import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Queries of several sequences for one layer, attended in one call.
 *
 * @param sequences the sequences, each at most once; the call owns them while it runs
 * @param queryTokens [sequences] how many of its newest tokens each sequence asks for
 * @param queries f32 [sum of queryTokens][queryHeads][keyDim], sequence after sequence
 * @param out f32 [sum of queryTokens][queryHeads][valueDim], written in the same order
 */
public record AttentionBatch(
    List<KvSequence> sequences, int[] queryTokens, MemorySegment queries, MemorySegment out) {

  public AttentionBatch {
    sequences = List.copyOf(sequences);
    queryTokens = queryTokens.clone();
    if (sequences.size() != queryTokens.length) {
      throw new IllegalArgumentException(
          "each sequence needs its number of query tokens: sequences="
              + sequences.size()
              + ", queryTokens="
              + queryTokens.length
              + "; give one number per sequence");
    }
    if (sequences.stream().distinct().count() != sequences.size()) {
      throw new IllegalArgumentException(
          "a sequence stands twice in a batch: sequences="
              + sequences.size()
              + "; ask for more query tokens instead");
    }
  }

  /** One query token for each sequence: a decode step. */
  public static AttentionBatch decode(
      List<KvSequence> sequences, MemorySegment queries, MemorySegment out) {
    int[] ones = new int[sequences.size()];
    java.util.Arrays.fill(ones, 1);
    return new AttentionBatch(sequences, ones, queries, out);
  }
}
