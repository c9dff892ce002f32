package io.kvarena.bench;

import io.kvarena.KvCache;
import io.kvarena.KvSequence;
import io.kvarena.attention.Kernels;
import io.kvarena.attention.RawTile;
import io.kvarena.attention.RowKernel;
import io.kvarena.attention.ScalarRows;
import io.kvarena.format.Formats;
import io.kvarena.format.PageFormat;
import io.kvarena.format.PageLayout;
import io.kvarena.format.TileKind;
import io.kvarena.transform.Encoding;
import io.kvarena.transform.TransformInstance;
import io.kvarena.transform.TransformSpec;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * What writing costs: a page's worth of tokens through a sequence, and what that is made of,
 * writing raw rows to the tail and encoding them.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class AppendBenchmark {

  private static final int ROW = PagedContext.LAYER.kvHeads() * PagedContext.LAYER.keyDim();

  /** Keys and values that one call writes. */
  static final int ELEMENTS = 2 * PagedContext.PAGE_TOKENS * ROW;

  /** The name of the benchmark that writes to the tail, in the tail's own format. */
  static final String PUT = "put";

  private static final int LENGTH_MAX = 4096;

  private static final int GRANULES = PagedContext.PAGE_TOKENS / RawTile.GRANULE;

  @Param({"f16", "q8_0", "q4_0"})
  public String format = "f16";

  /** The kernel that a cache is built with, whose rows are meant. */
  @Param({"scalar"})
  public String kernel = "scalar";

  /** Whether keys and values are rotated before they are encoded. */
  @Param({"false", "true"})
  public boolean rotated;

  private final MemorySegment rows =
      Arena.ofAuto().allocate(4L * PagedContext.PAGE_TOKENS * ROW, 64);
  private final int[] ids = new int[PagedContext.PAGE_TOKENS];
  private final RawTile[] tiles = new RawTile[2 * PagedContext.LAYER.kvHeads()];
  private @Nullable TransformInstance rotation;
  private MemorySegment granules = MemorySegment.NULL;
  private MemorySegment page = MemorySegment.NULL;
  private PageLayout layout = layoutOf(Formats.F16);
  private PageLayout granule = layout.granule();
  private RowKernel rowKernel = new ScalarRows();
  private @Nullable KvCache cache;
  private @Nullable KvSequence sequence;

  private static PageLayout layoutOf(PageFormat format) {
    int heads = PagedContext.LAYER.kvHeads();
    return new PageLayout(PagedContext.LAYER, PagedContext.PAGE_TOKENS, heads, format, format);
  }

  @Setup
  public void open() {
    PageFormat encoder = Formats.named(format);
    TransformSpec spec = rotated ? TransformSpec.HADAMARD : TransformSpec.IDENTITY;
    rotation = rotated ? spec.instance(0, 0, PagedContext.LAYER.keyDim()) : null;
    layout = layoutOf(encoder);
    granule = layout.granule();
    rowKernel = Kernels.named(kernel).newRowKernel();
    Random random = new Random(1);
    for (long i = 0; i < rows.byteSize(); i += 4) {
      rows.set(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
    }
    granules = Arena.ofAuto().allocate(GRANULES * granule.pageBytes(), 128);
    page = Arena.ofAuto().allocate(layout.pageBytes(), 128);
    put();
    for (int i = 0; i < tiles.length; i++) {
      int head = i / 2;
      TileKind kind = i % 2 == 0 ? TileKind.KEYS : TileKind.VALUES;
      RawTile tile = new RawTile(encoder.raw());
      tile.start(
          kind,
          encoder.raw(),
          PagedContext.PAGE_TOKENS,
          PagedContext.LAYER.keyDim(),
          (1L << PagedContext.PAGE_TOKENS) - 1);
      long at = kind == TileKind.KEYS ? granule.keyTileOffset(head) : granule.valueTileOffset(head);
      for (int g = 0; g < GRANULES; g++) {
        tile.granule(g, granules, g * granule.pageBytes() + at);
      }
      tiles[i] = tile;
    }
    KvCache made =
        KvCache.builder(PagedContext.SHAPE)
            .keys(new Encoding(spec, encoder))
            .values(new Encoding(spec, encoder))
            .pageTokens(PagedContext.PAGE_TOKENS)
            .maxBytes(256L << 20)
            .kernel(Kernels.named(kernel))
            .build();
    cache = made;
    sequence = made.open();
  }

  @TearDown
  public void close() {
    if (cache != null) {
      cache.close();
    }
  }

  /** Appends a page of tokens to a sequence, which seals a page. */
  @Benchmark
  public int append() {
    KvSequence open = sequence;
    if (open == null) {
      throw new IllegalStateException("no sequence: format=" + format + "; run the set-up first");
    }
    if (open.length() == LENGTH_MAX) {
      open.truncate(0);
    }
    open.extend(ids);
    open.append(0, rows, rows);
    return open.length();
  }

  /** Writes as many elements to the raw tail, granule by granule. */
  @Benchmark
  public MemorySegment put() {
    for (int g = 0; g < GRANULES; g++) {
      long from = 4L * g * RawTile.GRANULE * ROW;
      rowKernel.put(
          granule, granules, g * granule.pageBytes(), 0, RawTile.GRANULE, rows, from, rows, from);
    }
    return granules;
  }

  /** Encodes as many elements, tile by tile. */
  @Benchmark
  public MemorySegment seal() {
    for (int i = 0; i < tiles.length; i++) {
      boolean keys = i % 2 == 0;
      rowKernel.seal(
          tiles[i],
          layout.keys(),
          rotation,
          page,
          keys ? layout.keyTileOffset(i / 2) : layout.valueTileOffset(i / 2));
    }
    return page;
  }
}
