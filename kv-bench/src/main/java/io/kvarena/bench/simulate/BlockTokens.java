package io.kvarena.bench.simulate;

import io.kvarena.fixtures.trace.TraceRequest;
import java.util.List;

/**
 * Finds how many tokens a block of a trace has. A request names its full blocks, as LMCache's
 * traces do, or its last, partial one too, as Mooncake's do; one size has to explain all requests.
 */
final class BlockTokens {

  private static final int USUAL = 512;

  private BlockTokens() {}

  /**
   * The size that explains the requests: of several a power of two, else the least.
   *
   * @throws IllegalArgumentException if none does
   */
  static int of(String name, List<TraceRequest> requests) {
    for (boolean partial : new boolean[] {true, false}) {
      long least = 1;
      long most = Integer.MAX_VALUE;
      for (TraceRequest request : requests) {
        long tokens = request.inputTokens();
        long blocks = request.blocks().length;
        if (partial) {
          // (blocks - 1) · size < tokens <= blocks · size
          least = Math.max(least, blocks == 0 ? (tokens == 0 ? 1 : most + 1) : up(tokens, blocks));
          most = Math.min(most, blocks > 1 ? (tokens - 1) / (blocks - 1) : most);
        } else {
          // blocks · size <= tokens < (blocks + 1) · size
          least = Math.max(least, tokens / (blocks + 1) + 1);
          most = Math.min(most, blocks == 0 ? most : tokens / blocks);
        }
      }
      if (least <= most) {
        return size(least, most);
      }
    }
    throw new IllegalArgumentException(
        "no size of blocks fits all input_length and hash_ids: trace="
            + name
            + "; give it with --block-tokens");
  }

  private static long up(long tokens, long blocks) {
    return (tokens + blocks - 1) / blocks;
  }

  private static int size(long least, long most) {
    if (least <= USUAL && USUAL <= most) {
      return USUAL;
    }
    long power = Long.highestOneBit(Math.max(1, 2 * least - 1));
    return (int) (power <= most ? power : least);
  }
}
