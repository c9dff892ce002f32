package io.kvarena;

import io.kvarena.memory.ArenaStats;

/**
 * The store in numbers, all bytes counted: sealed pages, raw tails, tables, transforms and scratch.
 *
 * @param kernel the kernel that serves
 * @param sequences open sequences
 * @param sealedPages pages that are encoded and immutable and lie in the arena, counted once
 *     however often shared
 * @param sealedBytes their bytes
 * @param tailBytes bytes of granules of unsealed tokens
 * @param tableBytes heap bytes of the block tables of open sequences
 * @param transformBytes heap bytes of the transforms' numbers: the model's and the open sequences'
 * @param scratchBytes native bytes of scratch: rotated queries, states, page runs
 * @param tokensAppended tokens whose steps were completed, over all sequences
 * @param pagesSealed pages encoded so far
 * @param sealedBytesRead bytes of sealed pages that attention has read
 * @param tailBytesRead bytes of granules that attention has read
 * @param forks sequences forked so far
 * @param slotsEvicted slots that policies have forgotten
 * @param prefixChunks chunks of prefixes that sequences may go on from
 * @param prefixBytes bytes of their pages in the arena, which count among the sealed ones
 * @param prefixTokensAsked tokens of prompts that were looked up so far
 * @param prefixTokensHit those of them that were found
 * @param prefixTokensFromTier those of them whose pages came from the durable tier
 * @param offloadedPages sealed pages whose bytes are in the tier alone
 * @param offloadedBytes their bytes
 * @param pagesStored pages copied to the tier so far
 * @param pagesRestored pages brought back into the arena so far
 * @param tierBytesRead bytes read from the tier so far
 * @param leaks handles found dropped without close
 * @param arena where every byte of native memory is
 */
public record KvStats(
    String kernel,
    int sequences,
    long sealedPages,
    long sealedBytes,
    long tailBytes,
    long tableBytes,
    long transformBytes,
    long scratchBytes,
    long tokensAppended,
    long pagesSealed,
    long sealedBytesRead,
    long tailBytesRead,
    long forks,
    long slotsEvicted,
    long prefixChunks,
    long prefixBytes,
    long prefixTokensAsked,
    long prefixTokensHit,
    long prefixTokensFromTier,
    long offloadedPages,
    long offloadedBytes,
    long pagesStored,
    long pagesRestored,
    long tierBytesRead,
    long leaks,
    ArenaStats arena) {

  /** Bytes of keys and values held: sealed pages and tails. */
  public long kvBytes() {
    return sealedBytes + tailBytes;
  }
}
