package io.kvarena.store;

import io.kvarena.KvCache;
import io.kvarena.KvCacheBuilder;
import io.kvarena.KvEvent;
import io.kvarena.KvShape;
import io.kvarena.LayerShape;
import io.kvarena.LeakDetection;
import io.kvarena.attention.AttentionKernel;
import io.kvarena.attention.Kernels;
import io.kvarena.format.Formats;
import io.kvarena.format.PageLayout;
import io.kvarena.memory.PageArena;
import io.kvarena.memory.PagePool;
import io.kvarena.memory.SlabSource;
import io.kvarena.policy.Budget;
import io.kvarena.policy.ColdestFirst;
import io.kvarena.policy.Copying;
import io.kvarena.policy.EvictionPolicy;
import io.kvarena.policy.LeastRecentlyUsed;
import io.kvarena.policy.PlacementPolicy;
import io.kvarena.policy.ReplacementPolicy;
import io.kvarena.policy.Signal;
import io.kvarena.tier.DurableTier;
import io.kvarena.tier.Tier;
import io.kvarena.transform.Encoding;
import io.kvarena.transform.TransformInstance;
import io.kvarena.transform.TransformSpec;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** Sets a cache up and refuses what would not work. */
public final class CacheBuilder implements KvCacheBuilder {

  private static final long SUPERBLOCK_BYTES_MAX = 2L << 20;

  /** A small limit still gives each pool a fair number of superblocks. */
  private static final int SUPERBLOCKS_MIN = 64;

  /** Staging of a cache with a tier: a part of its memory, and what is always enough. */
  private static final int STAGING_PARTS = 8;

  private static final long STAGING_BYTES_MAX = 256L << 20;
  private static final long STAGED_PAGES_MIN = 2;

  final KvShape shape;
  Encoding keys = Encoding.of(Formats.F16);
  Encoding values = Encoding.of(Formats.F16);
  int pinned;
  int recent;
  int pageTokens = 32;
  int headsPerPage;
  long maxBytes = 1L << 30;
  long slabBytes = 64L << 20;
  long superblockBytes;
  SlabSource slabSource = SlabSource.JVM;
  byte freedFill;
  @Nullable AttentionKernel kernel;
  int rollback;
  @Nullable EvictionPolicy policy;
  Budget budget = Budget.UNLIMITED;
  LeakDetection leakDetection = LeakDetection.SAMPLED;
  @Nullable Tier tier;
  @Nullable DurableTier durable;
  String model = "";
  long prefixBytes;
  long prefixBytesPerTenant = Long.MAX_VALUE;
  Duration prefixIdle = Duration.ZERO;
  Supplier<ReplacementPolicy> replacement = LeastRecentlyUsed::new;
  PlacementPolicy placement = new ColdestFirst();
  Copying copying = Copying.BACK;
  long stagingBytes;
  int threads = Runtime.getRuntime().availableProcessors();
  int splitTokens = 2048;

  /** Makes the jobs of the cache's calls; tests put wrong ones here. */
  Function<HostCache, FoldJob> jobs = FoldJob::new;

  /** What becomes of the cache's transforms; tests put wrong ones in their place. */
  UnaryOperator<TransformInstance> instances = UnaryOperator.identity();

  final List<KvEvent.Listener> listeners = new ArrayList<>();

  public CacheBuilder(KvShape shape) {
    this.shape = shape;
  }

  @Override
  public KvCacheBuilder keys(Encoding encoding) {
    keys = encoding;
    return this;
  }

  @Override
  public KvCacheBuilder values(Encoding encoding) {
    if (encoding.transform().isPerHead()) {
      throw new IllegalArgumentException(
          "values are rotated or left alone: values="
              + encoding
              + "; centre and balance keys only");
    }
    values = encoding;
    return this;
  }

  @Override
  public KvCacheBuilder pinned(int tokens) {
    if (tokens < 0) {
      throw new IllegalArgumentException(
          "pinned tokens are not negative: tokens=" + tokens + "; 0 pins none");
    }
    pinned = tokens;
    return this;
  }

  @Override
  public KvCacheBuilder recent(int tokens) {
    if (tokens < 0) {
      throw new IllegalArgumentException(
          "recent tokens are not negative: tokens="
              + tokens
              + "; 0 keeps the query's own page raw and no other");
    }
    recent = tokens;
    return this;
  }

  @Override
  public KvCacheBuilder pageTokens(int tokens) {
    pageTokens = tokens;
    return this;
  }

  @Override
  public KvCacheBuilder headsPerPage(int heads) {
    if (heads < 1) {
      throw new IllegalArgumentException(
          "a page holds at least one head: headsPerPage=" + heads + "; use 1 or kvHeads");
    }
    headsPerPage = heads;
    return this;
  }

  @Override
  public KvCacheBuilder maxBytes(long bytes) {
    maxBytes = bytes;
    return this;
  }

  @Override
  public KvCacheBuilder slabBytes(long bytes) {
    slabBytes = bytes;
    return this;
  }

  @Override
  public KvCacheBuilder superblockBytes(long bytes) {
    superblockBytes = bytes;
    return this;
  }

  @Override
  public KvCacheBuilder slabSource(SlabSource source) {
    slabSource = source;
    return this;
  }

  @Override
  public KvCacheBuilder freedFill(byte fill) {
    freedFill = fill;
    return this;
  }

  @Override
  public KvCacheBuilder kernel(AttentionKernel kernel) {
    this.kernel = kernel;
    return this;
  }

  @Override
  public KvCacheBuilder threads(int threads) {
    if (threads < 1) {
      throw new IllegalArgumentException(
          "attention needs a thread: threads=" + threads + "; 1 is the calling thread alone");
    }
    this.threads = threads;
    return this;
  }

  @Override
  public KvCacheBuilder splitTokens(int tokens) {
    if (tokens < 1) {
      throw new IllegalArgumentException(
          "a split has tokens: splitTokens=" + tokens + "; 2048 is the default");
    }
    splitTokens = tokens;
    return this;
  }

  @Override
  public KvCacheBuilder rollback(int tokens) {
    if (tokens < 0) {
      throw new IllegalArgumentException(
          "rollback is not negative: tokens=" + tokens + "; 0 keeps no raw rows");
    }
    rollback = tokens;
    return this;
  }

  @Override
  public KvCacheBuilder policy(EvictionPolicy policy, Budget budget) {
    this.policy = policy;
    this.budget = budget;
    return this;
  }

  @Override
  public KvCacheBuilder tier(Tier tier) {
    this.tier = tier;
    return this;
  }

  @Override
  public KvCacheBuilder durable(DurableTier tier) {
    durable = tier;
    return this;
  }

  @Override
  public KvCacheBuilder model(String identity) {
    model = identity;
    return this;
  }

  @Override
  public KvCacheBuilder prefixes(long bytes) {
    prefixBytes = bytes;
    return this;
  }

  @Override
  public KvCacheBuilder prefixesPerTenant(long bytes) {
    prefixBytesPerTenant = bytes;
    return this;
  }

  @Override
  public KvCacheBuilder prefixIdle(Duration most) {
    prefixIdle = most;
    return this;
  }

  @Override
  public KvCacheBuilder replacement(Supplier<ReplacementPolicy> policies) {
    replacement = policies;
    return this;
  }

  @Override
  public KvCacheBuilder placement(PlacementPolicy policy) {
    placement = policy;
    return this;
  }

  @Override
  public KvCacheBuilder copying(Copying when) {
    copying = when;
    return this;
  }

  @Override
  public KvCacheBuilder stagingBytes(long bytes) {
    stagingBytes = bytes;
    return this;
  }

  @Override
  public KvCacheBuilder leakDetection(LeakDetection level) {
    leakDetection = level;
    return this;
  }

  @Override
  public KvCacheBuilder listener(KvEvent.Listener listener) {
    listeners.add(listener);
    return this;
  }

  @Override
  public byte[] fingerprint() {
    List<LayerPlan> plans = new ArrayList<>();
    Map<List<Object>, TransformInstance> shared = new HashMap<>();
    for (int i = 0; i < shape.layerCount(); i++) {
      PageLayout page = layout(i);
      plans.add(plan(i, page, 0, 0, 0, transforms(i, shared)));
    }
    return Fingerprint.of(model, plans);
  }

  private PageLayout layout(int layer) {
    LayerShape of = shape.layer(layer);
    int heads = headsPerPage == 0 ? of.kvHeads() : headsPerPage;
    return new PageLayout(of, pageTokens, heads, keys.format(), values.format());
  }

  private LayerPlan plan(
      int layer,
      PageLayout page,
      int pagePool,
      int pinnedPool,
      int granulePool,
      LayerTransforms transforms) {
    return new LayerPlan(
        layer,
        page,
        page.pinned(),
        page.granule(),
        pagePool,
        pinnedPool,
        granulePool,
        pages(pinned),
        pages(recent),
        transforms);
  }

  @Override
  public KvCache build() {
    if (prefixBytes > 0 && recent > 0) {
      throw new IllegalArgumentException(
          "recent tokens are read raw, which a prefix no longer is: recent="
              + recent
              + ", prefixBytes="
              + prefixBytes
              + "; use one or the other");
    }
    if (durable != null && model.isEmpty()) {
      throw new IllegalArgumentException(
          "pages that are kept must tell whose they are: durable="
              + durable.name()
              + "; give the model's identity, such as a hash of its weights");
    }
    List<PageLayout> pages = new ArrayList<>();
    List<PageLayout> pinnedPages = new ArrayList<>();
    List<PageLayout> granules = new ArrayList<>();
    for (LayerShape layer : shape.layers()) {
      PageLayout page = layout(pages.size());
      checkTransform(layer, pages.size());
      pages.add(page);
      pinnedPages.add(page.pinned());
      granules.add(page.granule());
    }
    List<PageLayout> all = new ArrayList<>(pages);
    all.addAll(granules);
    if (pinned > 0) {
      all.addAll(pinnedPages);
    }
    AttentionKernel chosen = kernel == null ? Kernels.best(all) : kernel;
    checkKernel(chosen, all);
    long slotBytes = roundUp(all.stream().mapToLong(PageLayout::pageBytes).max().orElseThrow());
    long staged = tier == null ? 0 : staging(slotBytes);
    PageArena arena =
        PageArena.builder(maxBytes - staged)
            .slabBytes(slabBytes)
            .superblockBytes(superblock(all))
            .source(slabSource)
            .freedFill(freedFill)
            .build();
    List<PagePool> pools = new ArrayList<>();
    List<PagePool> granulePools = new ArrayList<>();
    Map<Long, Integer> pageNumbers = new HashMap<>();
    Map<Long, Integer> granuleNumbers = new HashMap<>();
    List<LayerPlan> plans = new ArrayList<>();
    Map<List<Object>, TransformInstance> shared = new HashMap<>();
    for (int i = 0; i < pages.size(); i++) {
      int pagePool =
          pageNumbers.computeIfAbsent(pages.get(i).pageBytes(), bytes -> add(arena, bytes, pools));
      int granulePool =
          granuleNumbers.computeIfAbsent(
              granules.get(i).pageBytes(),
              bytes -> {
                int number = add(arena, bytes, pools);
                granulePools.add(pools.get(number));
                return number;
              });
      int pinnedPool =
          pinned == 0
              ? pagePool
              : pageNumbers.computeIfAbsent(
                  pinnedPages.get(i).pageBytes(), bytes -> add(arena, bytes, pools));
      plans.add(plan(i, pages.get(i), pagePool, pinnedPool, granulePool, transforms(i, shared)));
    }
    return new HostCache(
        this,
        arena,
        List.copyOf(plans),
        List.copyOf(pools),
        List.copyOf(granulePools),
        chosen,
        tier == null ? null : offload(arena, tier, staged, slotBytes));
  }

  private static long roundUp(long bytes) {
    long unit = SlabSource.ALIGNMENT;
    return (bytes + unit - 1) / unit * unit;
  }

  /** Bytes set aside for pages that are read from the tier, a multiple of {@code slotBytes}. */
  private long staging(long slotBytes) {
    long fewest = STAGED_PAGES_MIN * threads * slotBytes;
    long wanted =
        stagingBytes == 0
            ? Math.clamp(maxBytes / STAGING_PARTS, fewest, Math.max(fewest, STAGING_BYTES_MAX))
            : stagingBytes / slotBytes * slotBytes;
    if (wanted < fewest || wanted > maxBytes - maxBytes / 4) {
      throw new IllegalArgumentException(
          "staging must hold a few pages for each thread and leave a quarter of the memory:"
              + " stagingBytes="
              + wanted
              + ", fewest="
              + fewest
              + ", maxBytes="
              + maxBytes
              + ", pageBytes="
              + slotBytes
              + ", threads="
              + threads
              + "; raise maxBytes, or use fewer threads or smaller pages");
    }
    return wanted / slotBytes * slotBytes;
  }

  private Offload offload(PageArena arena, Tier tier, long bytes, long slotBytes) {
    Arena slabs = Arena.ofShared();
    boolean made = false;
    try {
      MemorySegment slab = slabSource.allocate(bytes, slabs);
      Offload offload = new Offload(arena, tier, slabs, slab, slotBytes, threads);
      made = true;
      return offload;
    } finally {
      if (!made) {
        slabs.close();
        arena.close();
      }
    }
  }

  /** Pages that it takes to hold {@code tokens}. */
  private int pages(int tokens) {
    return tokens / pageTokens + (tokens % pageTokens == 0 ? 0 : 1);
  }

  private void checkTransform(LayerShape layer, int index) {
    if (keys.transform().centred() && layer.params().softCap() > 0) {
      throw new IllegalArgumentException(
          "keys cannot be centred under a soft cap, which would cap other logits: keys="
              + keys
              + ", layer="
              + index
              + ", softCap="
              + layer.params().softCap()
              + "; leave out centred");
    }
  }

  /**
   * The transforms of a layer.
   *
   * @param shared instances that layers share: those that know nothing of a head
   */
  private LayerTransforms transforms(int layer, Map<List<Object>, TransformInstance> shared) {
    LayerShape of = shape.layer(layer);
    TransformSpec spec = keys.transform();
    TransformInstance[] instances = {};
    if (!spec.isIdentity() && !spec.isByContent()) {
      instances = new TransformInstance[of.kvHeads()];
      for (int head = 0; head < instances.length; head++) {
        instances[head] =
            spec.isPerHead()
                ? this.instances.apply(spec.instance(layer, head, of.keyDim()))
                : shared(spec, of.keyDim(), shared);
      }
    }
    TransformInstance rotation =
        values.transform().isIdentity() ? null : shared(values.transform(), of.valueDim(), shared);
    return new LayerTransforms(spec, instances, rotation, this.instances);
  }

  private TransformInstance shared(
      TransformSpec spec, int channels, Map<List<Object>, TransformInstance> shared) {
    return shared.computeIfAbsent(
        List.of(spec, channels), key -> instances.apply(spec.instance(0, 0, channels)));
  }

  private static int add(PageArena arena, long bytes, List<PagePool> pools) {
    pools.add(arena.newPool(bytes));
    return pools.size() - 1;
  }

  private long superblock(List<PageLayout> layouts) {
    if (superblockBytes != 0) {
      return superblockBytes;
    }
    long largest = layouts.stream().mapToLong(PageLayout::pageBytes).max().orElseThrow();
    long fair = Long.highestOneBit(Math.max(1, maxBytes / SUPERBLOCKS_MIN));
    return Math.max(Math.max(largest, SlabSource.ALIGNMENT), Math.min(SUPERBLOCK_BYTES_MAX, fair));
  }

  private void checkKernel(AttentionKernel chosen, List<PageLayout> layouts) {
    for (PageLayout layout : layouts) {
      if (!chosen.supports(layout)) {
        throw new IllegalArgumentException(
            "the kernel does not read this layout: kernel="
                + chosen.name()
                + ", layout="
                + layout
                + "; leave the kernel open or change the formats");
      }
    }
    if (policy != null) {
      Set<Signal> missing = EnumSet.noneOf(Signal.class);
      missing.addAll(policy.needs());
      missing.removeAll(chosen.supplies());
      if (!missing.isEmpty()) {
        throw new IllegalArgumentException(
            "the policy needs what the kernel does not supply: policy="
                + policy.name()
                + ", kernel="
                + chosen.name()
                + ", signals="
                + missing
                + "; choose another kernel or policy");
      }
    }
  }
}
