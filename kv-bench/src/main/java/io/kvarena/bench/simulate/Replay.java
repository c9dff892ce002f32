package io.kvarena.bench.simulate;

import io.kvarena.policies.replacement.Future;
import io.kvarena.policies.replacement.Policies;
import io.kvarena.policy.ReplacementPolicy;
import io.kvarena.tier.PageKey;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A trace replayed request by request through tiers under one policy.
 *
 * <p>A hit is a block that is in a tier when its request comes. Then all blocks of the request are
 * used in their order: each comes to the first tier; what that has no room for goes to the next
 * one, and what the last has no room for is gone. A block lies in one tier at a time, and every
 * tier has a policy of its own.
 */
final class Replay {

  private static final byte NOWHERE = -1;

  /**
   * What a replay counted.
   *
   * @param uses of blocks
   * @param hits uses of blocks that were there
   * @param prefixHits hits before the first miss of their request
   * @param tokens of all prompts
   * @param prefixHitTokens tokens in prefix hits
   * @param loads [tier]: prefix hits in that tier
   * @param loadSeconds it takes to bring these from their tiers
   */
  record Counts(
      long uses,
      long hits,
      long prefixHits,
      long tokens,
      long prefixHitTokens,
      long[] loads,
      double loadSeconds) {

    double blockHitRate() {
      return uses == 0 ? 0 : (double) hits / uses;
    }

    double prefixBlockHitRate() {
      return uses == 0 ? 0 : (double) prefixHits / uses;
    }

    double prefixTokenHitRate() {
      return tokens == 0 ? 0 : (double) prefixHitTokens / tokens;
    }
  }

  private final Trace trace;
  private final List<TierSpec> tiers;
  private final long blockBytes;
  private final Future future;
  private final ReplacementPolicy[] policies; // [tier]
  private final int[] counts; // [tier]
  private final byte[] places; // [block]: its tier

  /** A replay under new policies; {@code future} is the trace's, at its start. */
  Replay(Trace trace, Policies.Entry policy, List<TierSpec> tiers, long blockBytes, Future future) {
    this.trace = trace;
    this.tiers = tiers;
    this.blockBytes = blockBytes;
    this.future = future;
    policies = new ReplacementPolicy[tiers.size()];
    counts = new int[tiers.size()];
    for (int i = 0; i < policies.length; i++) {
      policies[i] = policy.create(future);
      policies[i].capacity(tiers.get(i).blocks() * blockBytes);
    }
    places = new byte[trace.keys().length];
    Arrays.fill(places, NOWHERE);
  }

  /** Replays the whole trace, once. */
  Counts run() {
    long hits = 0;
    long prefixHits = 0;
    long prefixHitTokens = 0;
    long[] loads = new long[tiers.size()];
    for (int i = 0; i < trace.requests().length; i++) {
      int[] blocks = trace.requests()[i];
      int prefix = 0;
      for (int j = 0; j < blocks.length; j++) {
        if (places[blocks[j]] != NOWHERE) {
          hits++;
          if (prefix == j) {
            prefix++;
            loads[places[blocks[j]]]++;
          }
        }
      }
      prefixHits += prefix;
      prefixHitTokens += Math.min((long) prefix * trace.blockTokens(), trace.inputTokens()[i]);
      for (int block : blocks) {
        use(block);
      }
    }
    double seconds = 0;
    for (int i = 0; i < loads.length; i++) {
      seconds += loads[i] * (double) blockBytes / tiers.get(i).bytesPerSecond();
    }
    return new Counts(
        trace.uses(), hits, prefixHits, trace.tokens(), prefixHitTokens, loads, seconds);
  }

  private void use(int block) {
    PageKey key = trace.keys()[block];
    future.used(key);
    int place = places[block];
    if (place == 0) {
      policies[0].touch(key);
      return;
    }
    if (place != NOWHERE) {
      policies[place].remove(key);
      counts[place]--;
      places[block] = NOWHERE;
    }
    put(block, 0);
  }

  /** Puts a block that is nowhere into a tier or the first one below that takes it. */
  private void put(int block, int first) {
    PageKey key = trace.keys()[block];
    for (int tier = first; tier < policies.length; tier++) {
      PageKey parent = parent(block, tier);
      boolean taken = true;
      while (taken && counts[tier] >= tiers.get(tier).blocks()) {
        int victim = victim(tier, key, parent);
        taken = victim != block;
        if (taken) {
          counts[tier]--;
          places[victim] = NOWHERE;
          put(victim, tier + 1);
        }
      }
      if (taken) {
        policies[tier].admit(key, parent, blockBytes, 1);
        counts[tier]++;
        places[block] = (byte) tier;
        return;
      }
    }
  }

  /** The block before this one, unless it lies in another tier: then it is not gone. */
  private @Nullable PageKey parent(int block, int tier) {
    int parent = trace.parents()[block];
    return parent == Trace.NONE || (places[parent] != NOWHERE && places[parent] != tier)
        ? null
        : trace.keys()[parent];
  }

  private int victim(int tier, PageKey newcomer, @Nullable PageKey parent) {
    PageKey victim = policies[tier].victimFor(newcomer, parent);
    if (victim == null || (!victim.equals(newcomer) && places[(int) victim.low()] != (byte) tier)) {
      throw new IllegalStateException(
          "a policy gave up a page that is not there: policy="
              + policies[tier].name()
              + ", page="
              + victim
              + "; run it through ReplacementPolicyContract");
    }
    return (int) victim.low();
  }
}
