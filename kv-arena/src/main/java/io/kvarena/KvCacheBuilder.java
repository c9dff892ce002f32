package io.kvarena;

import io.kvarena.attention.AttentionKernel;
import io.kvarena.format.PageFormat;
import io.kvarena.memory.SlabSource;
import io.kvarena.policy.Budget;
import io.kvarena.policy.Copying;
import io.kvarena.policy.EvictionPolicy;
import io.kvarena.policy.PlacementPolicy;
import io.kvarena.policy.ReplacementPolicy;
import io.kvarena.tier.DurableTier;
import io.kvarena.tier.Tier;
import io.kvarena.transform.Encoding;
import java.time.Duration;
import java.util.function.Supplier;

/** How a cache is set up; everything has a default. */
public interface KvCacheBuilder {

  /** Format of sealed keys; f16 if not set. */
  default KvCacheBuilder keys(PageFormat format) {
    return keys(Encoding.of(format));
  }

  /** Format of sealed values; f16 if not set. */
  default KvCacheBuilder values(PageFormat format) {
    return values(Encoding.of(format));
  }

  /** Encoding of sealed keys. Keys are not centred in layers with a soft cap. */
  KvCacheBuilder keys(Encoding encoding);

  /** Encoding of sealed values, which are rotated or left alone. */
  KvCacheBuilder values(Encoding encoding);

  /**
   * Tokens at the start of a sequence whose pages keep the tail's format (f16, bf16 or f32),
   * without a transform; rounded up to whole pages, 0 if not set.
   */
  KvCacheBuilder pinned(int tokens);

  /**
   * Tokens before a query's own page that it reads raw, rounded up to whole pages; 0 if not set.
   * Its own page is read raw in any case. So what a query reads does not depend on how a prompt was
   * cut.
   */
  KvCacheBuilder recent(int tokens);

  /** Tokens in a page: 8, 16, … 64; 32 if not set. */
  KvCacheBuilder pageTokens(int tokens);

  /**
   * KV heads that share a page; all heads of a layer if not set. With 1 every head forgets on its
   * own.
   */
  KvCacheBuilder headsPerPage(int heads);

  /** Limit of native memory for pages and tails; 1 GiB if not set. */
  KvCacheBuilder maxBytes(long bytes);

  /** Size of the slabs in which memory is taken, at most 1 GiB; 64 MiB if not set. */
  KvCacheBuilder slabBytes(long bytes);

  /** What the pages of one size borrow at a time; 2 MiB if not set, or the largest page. */
  KvCacheBuilder superblockBytes(long bytes);

  /** Where slabs come from; the JVM if not set. */
  KvCacheBuilder slabSource(SlabSource source);

  /** What freed pages are overwritten with: 0 unless a test wants to recognise them. */
  KvCacheBuilder freedFill(byte fill);

  /** The kernel; the best one for the formats if not set. */
  KvCacheBuilder kernel(AttentionKernel kernel);

  /**
   * Threads that compute attention, the calling one counted; as many as the machine has processors
   * if not set. With 1 the calling thread does everything. The others start with the first call
   * that is long enough to share, serve one call at a time and end with the cache. Results do not
   * depend on their number.
   */
  KvCacheBuilder threads(int threads);

  /**
   * Tokens of a sequence that are folded apart from the others, rounded down to whole pages; 2048
   * if not set. Threads share a sequence by these splits. Results depend on it in their last bits,
   * and on nothing else that concerns threads. A kernel that {@linkplain AttentionKernel#spreads()
   * spreads by itself} is handed a sequence whole.
   */
  KvCacheBuilder splitTokens(int tokens);

  /** Tokens whose raw rows are kept so that truncating them is exact; 0 if not set. */
  KvCacheBuilder rollback(int tokens);

  /** What forgets tokens and how much a sequence may keep; nothing forgets if not set. */
  KvCacheBuilder policy(EvictionPolicy policy, Budget budget);

  /**
   * Where sealed pages go when the memory is full; without one a step is refused then. What is
   * there is read from there, a piece at a time: a sequence may be larger than the memory. The tier
   * must have been opened for this cache alone and outlives it; it may run out of room itself.
   */
  KvCacheBuilder tier(Tier tier);

  /**
   * Where sequences are kept by name: see {@link KvSequence#checkpoint}. Needs {@link #model}. The
   * tier outlives the cache and is this cache's alone.
   */
  KvCacheBuilder durable(DurableTier tier);

  /**
   * What tells the model's weights from all others', such as a hash of their file. Pages of one
   * model are never given to another.
   */
  KvCacheBuilder model(String identity);

  /**
   * Bytes of pages that are kept for sequences to come which begin alike: see {@link OpenRequest}.
   * They are given up when memory is short. 0, none, if not set. Not with {@link #recent} tokens,
   * whose raw rows are not kept.
   */
  KvCacheBuilder prefixes(long bytes);

  /** Bytes of them that one tenant, under one adapter, may hold; all if not set. */
  KvCacheBuilder prefixesPerTenant(long bytes);

  /** How long a prefix is kept that nobody uses; for ever if not set, or {@code ZERO}. */
  KvCacheBuilder prefixIdle(Duration most);

  /** Makes the order in which prefixes are given up, one for each tenant; LRU if not set. */
  KvCacheBuilder replacement(Supplier<ReplacementPolicy> policies);

  /**
   * Decides which pages go to the tier and come back, and when; those of the sequences attended
   * longest ago go first if not set. No answer depends on it.
   */
  KvCacheBuilder placement(PlacementPolicy policy);

  /** When sealed pages are copied to the tier; when they leave if not set. */
  KvCacheBuilder copying(Copying when);

  /**
   * Native memory, within the limit, for pages that are read from the tier; an eighth of the limit
   * and at most 256 MiB if not set.
   */
  KvCacheBuilder stagingBytes(long bytes);

  /** How closely dropped handles are watched for; SAMPLED if not set. */
  KvCacheBuilder leakDetection(LeakDetection level);

  /** Adds a listener to what the store does. */
  KvCacheBuilder listener(KvEvent.Listener listener);

  /** The fingerprint of the cache that would be built now: see {@link KvCache#fingerprint}. */
  byte[] fingerprint();

  /** The cache. Memory is taken when tokens come. */
  KvCache build();
}
