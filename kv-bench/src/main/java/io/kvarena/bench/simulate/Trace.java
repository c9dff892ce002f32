package io.kvarena.bench.simulate;

import io.kvarena.fixtures.trace.TraceRequest;
import io.kvarena.policies.replacement.Future;
import io.kvarena.tier.PageKey;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The requests of a trace in their order, blocks numbered 0, 1, 2 … as they first appear.
 *
 * @param name for tables and pictures
 * @param blockTokens tokens in a full block
 * @param keys [block]: the block's key, whose low half is its number
 * @param parents [block]: the number of the block before it, -1 for the first of a prompt
 * @param requests [request][position]: block numbers
 * @param inputTokens [request]: tokens of the prompt
 */
record Trace(
    String name,
    int blockTokens,
    PageKey[] keys,
    int[] parents,
    int[][] requests,
    int[] inputTokens) {

  static final int NONE = -1;

  static Trace of(String name, int blockTokens, List<TraceRequest> requests) {
    Map<Long, Integer> numbers = new HashMap<>();
    List<PageKey> keys = new ArrayList<>();
    List<Integer> parents = new ArrayList<>();
    int[][] blocks = new int[requests.size()][];
    int[] inputTokens = new int[requests.size()];
    for (int i = 0; i < requests.size(); i++) {
      long[] named = requests.get(i).blocks();
      blocks[i] = new int[named.length];
      inputTokens[i] = requests.get(i).inputTokens();
      int parent = NONE;
      for (int j = 0; j < named.length; j++) {
        int number = numbers.computeIfAbsent(named[j], block -> numbers.size());
        if (number == keys.size()) {
          keys.add(new PageKey(0, number));
          parents.add(parent);
        }
        blocks[i][j] = number;
        parent = number;
      }
    }
    return new Trace(
        name,
        blockTokens,
        keys.toArray(new PageKey[0]),
        parents.stream().mapToInt(Integer::intValue).toArray(),
        blocks,
        inputTokens);
  }

  /** Uses of blocks, all requests together. */
  long uses() {
    long uses = 0;
    for (int[] blocks : requests) {
      uses += blocks.length;
    }
    return uses;
  }

  /** Tokens of all prompts. */
  long tokens() {
    long tokens = 0;
    for (int input : inputTokens) {
      tokens += input;
    }
    return tokens;
  }

  /** The uses to come. */
  Future future() {
    List<PageKey> uses = new ArrayList<>();
    for (int[] blocks : requests) {
      for (int block : blocks) {
        uses.add(keys[block]);
      }
    }
    return Future.of(uses);
  }
}
