package io.kvarena.bench;

import io.kvarena.KvShape;
import io.kvarena.LayerShape;
import io.kvarena.Rope;
import io.kvarena.attention.AttentionKernel;
import io.kvarena.attention.AttentionState;
import io.kvarena.attention.PageRun;
import io.kvarena.attention.Queries;
import io.kvarena.ffi.HugePageSlabs;
import io.kvarena.format.PageFormat;
import io.kvarena.format.PageLayout;
import io.kvarena.format.TileKind;
import io.kvarena.memory.PageArena;
import io.kvarena.memory.PagePool;
import io.kvarena.memory.SlabSource;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;

/**
 * One layer's context in pages, in random order in memory, and the queries of a decode step or of a
 * chunk's last tokens: 32 query heads, 8 KV heads, dimension 128, 32 tokens a page.
 *
 * <p>There are as many such contexts as it takes to fill more memory than caches hold, and each
 * step has the next one: keys and values come from memory, as those of a model's layers do.
 */
final class PagedContext implements AutoCloseable {

  static final LayerShape LAYER = LayerShape.of(32, 8, 128, Rope.NONE);
  static final KvShape SHAPE = KvShape.uniform(1, LAYER);
  static final int PAGE_TOKENS = 32;

  /** Pages that are really encoded; the others are copies, which cost a kernel the same. */
  private static final int DISTINCT_PAGES = 16;

  /** Beyond what the last-level caches of these machines hold. */
  private static final long MEMORY_BYTES = 256L << 20;

  /** Shorter contexts are for what a step costs beside the reading, and may stay in the cache. */
  private static final int SHORT_TOKENS = 1024;

  private final PageRun[] runs;
  private int step;
  final Queries queries = new Queries();
  final AttentionState state = new AttentionState();
  private final PageArena arena;
  private final MemorySegment out;

  /** A context and one query, which sees all of it. */
  PagedContext(PageFormat format, int tokens) {
    this(format, tokens, 1);
  }

  /** A context whose last {@code chunk} tokens ask, each of which sees those up to itself. */
  PagedContext(PageFormat format, int tokens, int chunk) {
    out = MemorySegment.ofArray(new float[chunk * LAYER.queryHeads() * LAYER.valueDim()]);
    PageLayout layout = new PageLayout(LAYER, PAGE_TOKENS, LAYER.kvHeads(), format, format);
    int pages = tokens / PAGE_TOKENS;
    runs = new PageRun[contexts(format, tokens)];
    arena =
        PageArena.builder((long) runs.length * pages * layout.pageBytes() + (4L << 20))
            .slabBytes(1L << 30)
            .source(slabs())
            .build();
    PagePool pool = arena.newPool(layout.pageBytes());
    Random random = new Random(1);
    List<Long> names = new ArrayList<>();
    for (int i = 0; i < runs.length * pages; i++) {
      names.add(pool.acquire());
    }
    Collections.shuffle(names, random);
    for (int i = 0; i < names.size(); i++) {
      long page = names.get(i);
      MemorySegment slab = arena.slab(page);
      if (i < DISTINCT_PAGES) {
        encode(layout, slab, arena.offset(page), random);
      } else {
        long source = names.get(i % DISTINCT_PAGES);
        MemorySegment.copy(
            arena.slab(source), arena.offset(source), slab, arena.offset(page), layout.pageBytes());
      }
      if (i % pages == 0) {
        runs[i / pages] = new PageRun();
        runs[i / pages].start(layout);
      }
      runs[i / pages].add(
          slab, arena.slabNumber(page), arena.offset(page), -1L >>> 32, i % pages * PAGE_TOKENS);
    }
    int floats = chunk * LAYER.queryHeads() * LAYER.keyDim();
    MemorySegment data = Arena.ofAuto().allocate(4L * floats, 64);
    for (int i = 0; i < floats; i++) {
      data.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
    }
    queries.set(data, 0, chunk, LAYER.queryHeads(), LAYER.keyDim(), LAYER.params().scale(), 0);
    for (int token = 0; token < chunk; token++) {
      queries.bounds(token, 0, tokens - chunk + token);
    }
  }

  /** How many contexts fill the memory. */
  static int contexts(PageFormat format, int tokens) {
    return tokens <= SHORT_TOKENS
        ? 1
        : (int) Math.max(1, (MEMORY_BYTES + bytes(format, tokens) - 1) / bytes(format, tokens));
  }

  /** The context of the next step. */
  PageRun next() {
    step = (step + 1) % runs.length;
    return runs[step];
  }

  /** Huge pages where the system has them: fewer misses of the address translation. */
  static SlabSource slabs() {
    try {
      return new HugePageSlabs();
    } catch (UnsupportedOperationException elsewhere) {
      return SlabSource.JVM;
    }
  }

  private static void encode(PageLayout layout, MemorySegment slab, long offset, Random random) {
    float[] rows = new float[PAGE_TOKENS * LAYER.keyDim()];
    for (int head = 0; head < layout.heads(); head++) {
      for (TileKind kind : TileKind.values()) {
        for (int i = 0; i < rows.length; i++) {
          rows[i] = (float) random.nextGaussian();
        }
        long tile =
            kind == TileKind.KEYS ? layout.keyTileOffset(head) : layout.valueTileOffset(head);
        (kind == TileKind.KEYS ? layout.keys() : layout.values())
            .encode(kind, rows, PAGE_TOKENS, LAYER.keyDim(), slab, offset + tile);
      }
    }
  }

  /** Bytes of keys and values, each counted once. */
  static long bytes(PageFormat format, int tokens) {
    return tokens
        / PAGE_TOKENS
        * new PageLayout(LAYER, PAGE_TOKENS, LAYER.kvHeads(), format, format).pageBytes();
  }

  /** Multiply-adds of a step over all pairs of a query and a key that it sees. */
  static double multiplyAdds(int tokens, int chunk) {
    double pairs = (double) chunk * (tokens - chunk) + chunk * (chunk + 1) / 2.0;
    return pairs * LAYER.queryHeads() * (LAYER.keyDim() + LAYER.valueDim());
  }

  /**
   * Attention of all queries; the first number of the output keeps the work from being left out.
   */
  float step(AttentionKernel kernel) {
    state.reset(queries.tokens(), LAYER.queryHeads(), LAYER.valueDim());
    kernel.fold(queries, next(), state);
    state.finish(LAYER.params(), 0, LAYER.queryHeads(), out, 0);
    return out.get(ValueLayout.JAVA_FLOAT_UNALIGNED, 0);
  }

  @Override
  public void close() {
    arena.close();
  }
}
