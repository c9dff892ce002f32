package io.kvarena.store;

import io.kvarena.Explanation;
import io.kvarena.Explanation.Outcome;
import io.kvarena.OpenRequest;
import io.kvarena.memory.PageArena;
import io.kvarena.memory.PageId;
import io.kvarena.policy.ReplacementPolicy;
import io.kvarena.tier.CorruptPageException;
import io.kvarena.tier.DurableTier;
import io.kvarena.tier.PageKey;
import io.kvarena.tier.TierException;
import io.kvarena.tier.TierFullException;
import io.kvarena.transform.TransformInstance;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The beginnings of sequences that others may go on from: chunks by their key, each chained to the
 * one before.
 *
 * <p>Who looks a prompt up takes no lock: a map that is read without one, token ids that are
 * compared, and a reference on each page, which cannot be had once the page is gone. Publishing,
 * giving up and the order of replacement are behind a lock; a look-up that finds it taken leaves a
 * note of what it used.
 *
 * <p>A chunk is given up only when none behind it is in memory, so what is left is always found
 * from the beginning.
 */
final class PrefixIndex {

  /** How many chunks that were given up are remembered, for explanations. */
  private static final int GIVEN_UP_MAX = 10_000;

  /** What is given up at a time for a chunk that comes back, as a part of what may be held. */
  private static final int PARTS = 16;

  /** Notes of look-ups that wait for the lock at most. */
  private static final int NOTES_MAX = 4096;

  private final HostCache cache;
  private final @Nullable PrefixStore store;
  private final PageArena arena;
  private final int pageTokens;
  private final int lanes;
  private final long maxBytes;
  private final long maxBytesPerTenant;
  private final Duration idleMax;
  private final Supplier<ReplacementPolicy> policies;
  private final Map<PageKey, Chunk> chunks = new ConcurrentHashMap<>();
  private final Map<PageKey, PrefixTenant> tenants = new ConcurrentHashMap<>();
  private final ConcurrentLinkedQueue<Chunk> used = new ConcurrentLinkedQueue<>();
  private final ReentrantLock lock = new ReentrantLock();
  private final ThreadLocal<ChunkKeys> keys = ThreadLocal.withInitial(ChunkKeys::new);
  private final Map<PageKey, String> givenUp =
      new LinkedHashMap<>() {
        @Override
        protected boolean removeEldestEntry(Map.Entry<PageKey, String> eldest) {
          return size() > GIVEN_UP_MAX;
        }
      };
  private final LongAdder asked = new LongAdder();
  private final LongAdder hit = new LongAdder();
  private final LongAdder hitTier = new LongAdder();
  private long bytes;
  private volatile long expiredAt = System.nanoTime();

  /**
   * @param maxBytes the most that it holds in the arena
   * @param maxBytesPerTenant the most that it holds there for one tenant
   * @param idleMax how long it holds what nobody uses, 0 for ever
   * @param tier where chunks go that memory has no room for; null if they are given up
   */
  PrefixIndex(
      HostCache cache,
      long maxBytes,
      long maxBytesPerTenant,
      Duration idleMax,
      Supplier<ReplacementPolicy> policies,
      @Nullable DurableTier tier) {
    this.cache = cache;
    this.maxBytes = maxBytes;
    this.maxBytesPerTenant = maxBytesPerTenant;
    this.idleMax = idleMax;
    this.policies = policies;
    arena = cache.arena();
    pageTokens = cache.plan(0).page().pageTokens();
    lanes = cache.plans().stream().mapToInt(LayerPlan::lanes).sum();
    store = tier == null ? null : new PrefixStore(cache, tier);
    if (store != null) {
      recover(store);
    }
  }

  private void recover(PrefixStore from) {
    for (PrefixStore.Found found : from.recover()) {
      Chunk parent = chunks.get(found.parent());
      if (parent == null && !from.isFirst(found)) {
        from.drop(found);
        continue;
      }
      PrefixTenant tenant = tenant(found.root(), found.tenant());
      tenant.chunks++;
      Chunk chunk = new Chunk(found.key(), parent, tenant, found.tokens(), found.instances());
      chunk.crcs = found.crcs();
      chunks.put(chunk.key, chunk);
      if (parent != null) {
        parent.behind++;
      }
    }
  }

  // ---- looking up ----

  /** The chain of a new sequence, without a token yet. */
  TokenChain chain(OpenRequest request) {
    PageKey root = keys.get().root(cache.fingerprint(), request.tenant(), request.adapter());
    return new TokenChain(root, request.tenant(), request.extras());
  }

  /** The tenant that holds chunks under a root: known from its first chunk to its last. */
  private PrefixTenant tenant(PageKey root, String name) {
    return tenants.computeIfAbsent(root, key -> new PrefixTenant(key, name, order()));
  }

  private ReplacementPolicy order() {
    ReplacementPolicy order = policies.get();
    order.capacity(maxBytes);
    return order;
  }

  /**
   * Gives an empty sequence the longest cached part of a prompt, all but its last token at most.
   */
  void adopt(int[] prompt, TokenChain chain, Lane[][] into) {
    asked.add(prompt.length);
    expire();
    ChunkKeys hashes = keys.get();
    while ((chain.published() + 1) * pageTokens < prompt.length) {
      int from = chain.published() * pageTokens;
      PageKey key = hashes.chunk(chain.before(), prompt, from, from + pageTokens, chain.extras());
      Chunk chunk = chunks.get(key);
      if (chunk == null || !isOf(chunk, chain, prompt, from)) {
        return;
      }
      long[] pages = retained(chunk);
      if (pages == null && store != null) {
        pages = loaded(chunk, chain.published(), store);
        hitTier.add(pages == null ? 0 : pageTokens);
      }
      if (pages == null) {
        return;
      }
      int lane = 0;
      for (Lane[] ofLayer : into) {
        for (Lane of : ofLayer) {
          of.adopt(pages[lane], chunk.instances[lane]);
          lane++;
        }
      }
      chain.add(chunk.tokens, pageTokens);
      chain.published(chunk);
      chunk.usedAt = System.nanoTime();
      note(chunk);
      hit.add(pageTokens);
    }
  }

  /** A key is a hash: what it stands for is compared. */
  private boolean isOf(Chunk chunk, TokenChain chain, int[] prompt, int from) {
    return chunk.tenant.root.equals(chain.root)
        && chunk.parent == chain.last()
        && Arrays.equals(chunk.tokens, 0, pageTokens, prompt, from, from + pageTokens);
  }

  /** The pages of a chunk with a reference each; null if they cannot be had. */
  private long @Nullable [] retained(Chunk chunk) {
    long[] pages = chunk.pages;
    if (pages == null) {
      return null;
    }
    for (int i = 0; i < pages.length; i++) {
      if (!arena.tryRetain(pages[i])) {
        release(pages, i);
        return null;
      }
    }
    return pages;
  }

  /** The pages of a chunk that was in the tier, with a reference each beside the index's. */
  private long @Nullable [] loaded(Chunk chunk, int ordinal, PrefixStore from) {
    lock.lock();
    try {
      long[] there = retained(chunk);
      if (there != null || chunk.crcs == null) {
        return there;
      }
      long[] pages = from.load(chunk, ordinal);
      while (pages == null && (makeRoom(maxBytes / PARTS) || cache.placement().makeRoom())) {
        pages = from.load(chunk, ordinal);
      }
      if (pages == null) {
        return null;
      }
      hold(chunk, pages);
      return pages;
    } catch (CorruptPageException corrupt) {
      forgetWithAllBehind(chunk, "corrupt: " + corrupt.getMessage());
      return null;
    } catch (TierException failed) {
      // A miss now, and perhaps not the next time.
      return null;
    } finally {
      lock.unlock();
    }
  }

  /** Drops a chunk that cannot be had any more, and what is chained to it. */
  private void forgetWithAllBehind(Chunk chunk, String why) {
    for (Chunk other : List.copyOf(chunks.values())) {
      for (Chunk at = other; at != null; at = at.parent) {
        if (at == chunk) {
          forget(other, why);
          break;
        }
      }
    }
  }

  private void forget(Chunk chunk, String why) {
    if (!chunks.remove(chunk.key, chunk)) {
      return;
    }
    if (isLeaf(chunk)) {
      chunk.tenant.leaves.remove(chunk.key);
    }
    letGo(chunk);
    if (--chunk.tenant.chunks == 0) {
      tenants.remove(chunk.tenant.root);
    }
    if (store != null) {
      store.drop(chunk);
    }
    if (chunk.parent != null) {
      chunk.parent.behind--;
    }
    givenUp.put(chunk.key, why + ", " + Instant.now());
  }

  private void release(long[] pages, int count) {
    for (int i = 0; i < count; i++) {
      arena.release(pages[i]);
    }
  }

  private void note(Chunk chunk) {
    if (lock.tryLock()) {
      try {
        touch(chunk);
      } finally {
        lock.unlock();
      }
    } else if (used.size() < NOTES_MAX) {
      used.add(chunk);
    }
  }

  private void touch(Chunk chunk) {
    if (isLeaf(chunk)) {
      chunk.tenant.leaves.touch(chunk.key);
    }
  }

  private static boolean isLeaf(Chunk chunk) {
    return chunk.pages != null && chunk.children == 0 && chunk.pins == 0;
  }

  // ---- publishing ----

  /** Publishes what a sequence has sealed since it was asked last. */
  void publish(TokenChain chain, Lane[][] from) {
    if (chain.isTainted() || (chain.published() + 1) * pageTokens > chain.count()) {
      return;
    }
    lock.lock();
    try {
      for (Chunk chunk = used.poll(); chunk != null; chunk = used.poll()) {
        touch(chunk);
      }
      ChunkKeys hashes = keys.get();
      while ((chain.published() + 1) * pageTokens <= chain.count()) {
        Chunk before = chain.last();
        if (before != null && chunks.get(before.key) != before) {
          // What it is chained to was given up; nobody would find it.
          return;
        }
        long[] pages = pages(chain.published(), from);
        if (pages == null) {
          return;
        }
        PageKey key = chain.nextKey(hashes, pageTokens);
        Chunk chunk = chunks.get(key);
        if (chunk == null) {
          chunk = add(key, chain, pages, from);
        } else {
          chunk = same(chunk, chain, pages, from);
        }
        if (chunk == null) {
          chain.taint();
          return;
        }
        chain.published(chunk);
      }
      PrefixTenant own = tenants.get(chain.root);
      while (own != null
          && own.bytes > maxBytesPerTenant
          && giveUp(List.of(own), "limit of a tenant", false)) {
        // As many as it takes.
      }
      while (bytes > maxBytes && giveUp("limit", false)) {
        // As many as it takes.
      }
    } finally {
      lock.unlock();
    }
  }

  /** The pages of all lanes with an ordinal, whole as they were sealed; null if one is not. */
  private long @Nullable [] pages(int ordinal, Lane[][] from) {
    long[] pages = new long[lanes];
    int at = 0;
    for (Lane[] ofLayer : from) {
      for (Lane lane : ofLayer) {
        pages[at] = lane.wholePage(ordinal);
        if (pages[at++] == PageId.NONE) {
          return null;
        }
      }
    }
    return pages;
  }

  private Chunk add(PageKey key, TokenChain chain, long[] pages, Lane[][] from) {
    TransformInstance[][] instances = new TransformInstance[lanes][];
    int at = 0;
    for (Lane[] ofLayer : from) {
      for (Lane lane : ofLayer) {
        instances[at++] = lane.ownInstances();
      }
    }
    PrefixTenant tenant = tenant(chain.root, chain.tenant);
    tenant.chunks++;
    Chunk chunk = new Chunk(key, chain.last(), tenant, chain.nextTokens(pageTokens), instances);
    hold(chunk, pages);
    chunks.put(key, chunk);
    if (chunk.parent != null) {
      chunk.parent.behind++;
    }
    return chunk;
  }

  /** Takes references for a chunk whose pages are not in memory yet. */
  private void hold(Chunk chunk, long[] pages) {
    long size = 0;
    for (long page : pages) {
      boolean retained = arena.tryRetain(page);
      assert retained : "a page of a sequence was gone";
      size += arena.pageBytes(page);
    }
    chunk.pages = pages;
    bytes += size;
    chunk.tenant.bytes += size;
    Chunk parent = chunk.parent;
    if (parent != null) {
      if (isLeaf(parent)) {
        parent.tenant.leaves.remove(parent.key);
      }
      parent.children++;
    }
    if (isLeaf(chunk)) {
      chunk.tenant.leaves.admit(chunk.key, size, pageTokens);
    }
  }

  /**
   * The chunk that is there, if it is of the same tokens: where its pages are the same bytes the
   * sequence goes on with them, and its own are freed. Null if it is another's with the same key.
   */
  private @Nullable Chunk same(Chunk chunk, TokenChain chain, long[] pages, Lane[][] from) {
    if (!chunk.tenant.root.equals(chain.root)
        || chunk.parent != chain.last()
        || !Arrays.equals(chunk.tokens, chain.nextTokens(pageTokens))) {
      return null;
    }
    long[] there = chunk.pages;
    if (there == null) {
      hold(chunk, pages);
      return chunk;
    }
    int at = 0;
    for (Lane[] ofLayer : from) {
      for (Lane lane : ofLayer) {
        if (there[at] != pages[at] && isSame(there[at], pages[at])) {
          lane.replace(chain.published(), there[at]);
        }
        at++;
      }
    }
    touch(chunk);
    return chunk;
  }

  private boolean isSame(long one, long other) {
    try (PageReader reader = new PageReader(cache)) {
      MemorySegment bytes = reader.resident(one);
      MemorySegment others = reader.resident(other);
      return bytes != null && others != null && bytes.mismatch(others) < 0;
    }
  }

  // ---- giving up ----

  /** Frees memory by giving chunks up that no sequence uses; false if there is none. */
  boolean makeRoom(long wanted) {
    lock.lock();
    try {
      long goal = Math.max(0, bytes - wanted);
      boolean any = false;
      while (bytes > goal && giveUp("memory", true)) {
        any = true;
      }
      return any;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Gives up a chunk of the tenant that holds the most.
   *
   * @param unused whether only chunks will do that no sequence uses
   */
  private boolean giveUp(String why, boolean unused) {
    List<PrefixTenant> most = new ArrayList<>(tenants.values());
    most.sort((one, other) -> Long.compare(other.bytes, one.bytes));
    return giveUp(most, why, unused);
  }

  /** Gives up a chunk of the first tenant that has one to give. */
  private boolean giveUp(List<PrefixTenant> of, String why, boolean unused) {
    for (PrefixTenant tenant : of) {
      List<Chunk> inUse = new ArrayList<>();
      Chunk victim = null;
      for (PageKey key = tenant.leaves.victim(); key != null; key = tenant.leaves.victim()) {
        Chunk chunk = chunks.get(key);
        if (chunk != null && unused && isUsed(chunk)) {
          inUse.add(chunk);
        } else if (chunk != null) {
          victim = chunk;
          break;
        }
      }
      inUse.forEach(chunk -> tenant.leaves.admit(chunk.key, size(chunk), pageTokens));
      if (victim != null) {
        giveUp(victim, why + ", " + tenant.leaves.name());
        return true;
      }
    }
    return false;
  }

  private boolean isUsed(Chunk chunk) {
    long[] pages = chunk.pages;
    for (int i = 0; pages != null && i < pages.length; i++) {
      if (arena.references(pages[i]) > 1) {
        return true;
      }
    }
    return false;
  }

  private long size(Chunk chunk) {
    long size = 0;
    long[] pages = chunk.pages;
    for (int i = 0; pages != null && i < pages.length; i++) {
      size += arena.pageBytes(pages[i]);
    }
    return size;
  }

  /** Lets go of a leaf, which is out of its tenant's order already; the tier keeps it if it can. */
  private void giveUp(Chunk chunk, String why) {
    boolean kept = store != null && save(chunk, store);
    if (kept) {
      letGo(chunk);
    } else if (chunk.behind == 0) {
      forget(chunk, why);
    } else {
      forgetWithAllBehind(chunk, why);
    }
  }

  /** Copies a chunk and all before it to the tier, for which older ones may have to go there. */
  private boolean save(Chunk chunk, PrefixStore to) {
    int ordinal = chunk.ordinal();
    if (chunk.parent != null && chunk.parent.crcs == null && !save(chunk.parent, to)) {
      return false;
    }
    while (true) {
      try {
        to.save(chunk, ordinal);
        return true;
      } catch (TierFullException full) {
        Chunk oldest = oldestInTier(chunk);
        if (oldest == null) {
          return false;
        }
        forget(oldest, "tier is full");
      } catch (TierException failed) {
        return false;
      }
    }
  }

  /** The chunk in the tier alone, with none behind it, that was used longest ago. */
  private @Nullable Chunk oldestInTier(Chunk but) {
    Chunk oldest = null;
    for (Chunk chunk : chunks.values()) {
      boolean mayGo = chunk.pages == null && chunk.behind == 0 && chunk.pins == 0 && chunk != but;
      if (mayGo && (oldest == null || chunk.usedAt - oldest.usedAt < 0)) {
        oldest = chunk;
      }
    }
    return oldest;
  }

  /** Drops the pages in memory. */
  private void letGo(Chunk chunk) {
    long[] pages = chunk.pages;
    if (pages == null) {
      return;
    }
    long size = size(chunk);
    chunk.pages = null;
    bytes -= size;
    chunk.tenant.bytes -= size;
    release(pages, pages.length);
    Chunk parent = chunk.parent;
    if (parent != null) {
      parent.children--;
      if (isLeaf(parent)) {
        parent.tenant.leaves.admit(parent.key, size(parent), pageTokens);
      }
    }
  }

  /** Copies all chunks to the tier and makes them durable; throws TierException if that fails. */
  void checkpoint() {
    PrefixStore to = store;
    if (to == null) {
      return;
    }
    lock.lock();
    try {
      for (Chunk chunk : List.copyOf(chunks.values())) {
        if (chunk.pages != null) {
          save(chunk, to);
        }
      }
      to.sync();
    } finally {
      lock.unlock();
    }
  }

  /** Gives up what has not been used for as long as the cache was told. */
  private void expire() {
    long now = System.nanoTime();
    if (idleMax.isZero() || now - expiredAt < idleMax.toNanos() / 4) {
      return;
    }
    lock.lock();
    try {
      expiredAt = now;
      boolean more = true;
      while (more) {
        more = false;
        for (Chunk chunk : chunks.values()) {
          boolean mayGo = chunk.behind == 0 && chunk.pins == 0;
          if (mayGo && System.nanoTime() - chunk.usedAt > idleMax.toNanos()) {
            forget(chunk, "idle for " + idleMax);
            more = true;
          }
        }
      }
    } finally {
      lock.unlock();
    }
  }

  /** Keeps the cached chunks of a prompt from being given up, or no longer; how many tokens. */
  int pin(OpenRequest request, int change) {
    lock.lock();
    try {
      TokenChain chain = chain(request);
      int[] prompt = request.prompt();
      ChunkKeys hashes = keys.get();
      while ((chain.published() + 1) * pageTokens <= prompt.length) {
        int from = chain.published() * pageTokens;
        PageKey key = hashes.chunk(chain.before(), prompt, from, from + pageTokens, chain.extras());
        Chunk chunk = chunks.get(key);
        if (chunk == null || !isOf(chunk, chain, prompt, from)) {
          break;
        }
        if (isLeaf(chunk)) {
          chunk.tenant.leaves.remove(chunk.key);
        }
        chunk.pins = Math.max(0, chunk.pins + change);
        if (isLeaf(chunk)) {
          chunk.tenant.leaves.admit(chunk.key, size(chunk), pageTokens);
        }
        chain.published(chunk);
      }
      return chain.published() * pageTokens;
    } finally {
      lock.unlock();
    }
  }

  /** Gives everything up. */
  void close() {
    lock.lock();
    try {
      for (Chunk chunk : chunks.values()) {
        long[] pages = chunk.pages;
        chunk.pages = null;
        if (pages != null) {
          release(pages, pages.length);
        }
      }
      chunks.clear();
      tenants.clear();
      bytes = 0;
    } finally {
      lock.unlock();
    }
  }

  // ---- questions ----

  Explanation explain(OpenRequest request) {
    int[] prompt = request.prompt();
    List<Explanation.Part> parts = new ArrayList<>();
    TokenChain chain = chain(request);
    ChunkKeys hashes = keys.get();
    PageKey before = chain.before();
    Chunk last = null;
    boolean missed = false;
    lock.lock();
    try {
      for (int from = 0; from < prompt.length; from += pageTokens) {
        int to = Math.min(prompt.length, from + pageTokens);
        if (from + pageTokens >= prompt.length) {
          parts.add(new Explanation.Part(from, to, Outcome.TOO_SHORT, ""));
          continue;
        }
        before = hashes.chunk(before, prompt, from, to, request.extras());
        Chunk chunk = chunks.get(before);
        boolean isThere =
            chunk != null
                && chunk.parent == last
                && Arrays.equals(chunk.tokens, 0, pageTokens, prompt, from, to);
        String gone = givenUp.get(before);
        Outcome outcome;
        if (missed && gone == null) {
          outcome = Outcome.BEHIND_A_MISS;
        } else if (isThere && !missed) {
          outcome = chunk != null && chunk.pages != null ? Outcome.HIT_MEMORY : Outcome.HIT_TIER;
        } else if (gone != null) {
          outcome = gone.startsWith("corrupt") ? Outcome.CORRUPT : Outcome.EVICTED;
        } else {
          outcome = elsewhere(prompt, from, to) ? Outcome.OTHER_TENANT : Outcome.NEVER_SEEN;
        }
        parts.add(
            new Explanation.Part(from, to, outcome, gone != null && isMiss(outcome) ? gone : ""));
        missed |= isMiss(outcome);
        last = chunk;
      }
    } finally {
      lock.unlock();
    }
    return new Explanation(parts);
  }

  private static boolean isMiss(Outcome outcome) {
    return outcome != Outcome.HIT_MEMORY && outcome != Outcome.HIT_TIER;
  }

  /** Whether the same tokens up to here are another tenant's or adapter's. */
  private boolean elsewhere(int[] prompt, int from, int to) {
    for (Chunk chunk : chunks.values()) {
      if (Arrays.equals(chunk.tokens, 0, pageTokens, prompt, from, to)) {
        int at = from;
        Chunk above = chunk.parent;
        while (above != null
            && at >= pageTokens
            && Arrays.equals(above.tokens, 0, pageTokens, prompt, at - pageTokens, at)) {
          at -= pageTokens;
          above = above.parent;
        }
        if (above == null && at == 0) {
          return true;
        }
      }
    }
    return false;
  }

  /** Tokens of prompts that were looked up so far, and those that were found. */
  long tokensAsked() {
    return asked.sum();
  }

  long tokensHit() {
    return hit.sum();
  }

  /** Those of the tokens found whose pages came from the tier. */
  long tokensHitInTier() {
    return hitTier.sum();
  }

  int size() {
    return chunks.size();
  }

  long bytes() {
    lock.lock();
    try {
      return bytes;
    } finally {
      lock.unlock();
    }
  }

  /** The pages that are held, for the audit. */
  List<long[]> held() {
    List<long[]> held = new ArrayList<>();
    for (Chunk chunk : chunks.values()) {
      long[] pages = chunk.pages;
      if (pages != null) {
        held.add(pages);
      }
    }
    return held;
  }
}
