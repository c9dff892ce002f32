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
import io.kvarena.format.PageFormat;
import io.kvarena.format.PageLayout;
import io.kvarena.memory.PageArena;
import io.kvarena.memory.PagePool;
import io.kvarena.memory.SlabSource;
import io.kvarena.policy.Budget;
import io.kvarena.policy.EvictionPolicy;
import io.kvarena.policy.Signal;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Sets a cache up and refuses what would not work. */
public final class CacheBuilder implements KvCacheBuilder {

  private static final long SUPERBLOCK_BYTES_MAX = 2L << 20;

  /** A small limit still gives each pool a fair number of superblocks. */
  private static final int SUPERBLOCKS_MIN = 64;

  final KvShape shape;
  PageFormat keys = Formats.F16;
  PageFormat values = Formats.F16;
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
  int threads = Runtime.getRuntime().availableProcessors();
  int splitTokens = 2048;

  /** Makes the jobs of the cache's calls; tests put wrong ones here. */
  Function<HostCache, FoldJob> jobs = FoldJob::new;

  final List<KvEvent.Listener> listeners = new ArrayList<>();

  public CacheBuilder(KvShape shape) {
    this.shape = shape;
  }

  @Override
  public KvCacheBuilder keys(PageFormat format) {
    keys = format;
    return this;
  }

  @Override
  public KvCacheBuilder values(PageFormat format) {
    values = format;
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
  public KvCache build() {
    List<PageLayout> pages = new ArrayList<>();
    List<PageLayout> granules = new ArrayList<>();
    for (LayerShape layer : shape.layers()) {
      int heads = headsPerPage == 0 ? layer.kvHeads() : headsPerPage;
      PageLayout page = new PageLayout(layer, pageTokens, heads, keys, values);
      pages.add(page);
      granules.add(page.granule());
    }
    List<PageLayout> all = new ArrayList<>(pages);
    all.addAll(granules);
    AttentionKernel chosen = kernel == null ? Kernels.best(all) : kernel;
    checkKernel(chosen, all);
    PageArena arena =
        PageArena.builder(maxBytes)
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
      plans.add(new LayerPlan(i, pages.get(i), granules.get(i), pagePool, granulePool));
    }
    return new HostCache(
        this, arena, List.copyOf(plans), List.copyOf(pools), List.copyOf(granulePools), chosen);
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
