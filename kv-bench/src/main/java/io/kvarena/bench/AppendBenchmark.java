package io.kvarena.bench;

import io.kvarena.KvCache;
import io.kvarena.KvSequence;
import io.kvarena.format.Formats;
import io.kvarena.format.PageFormat;
import io.kvarena.format.PageLayout;
import io.kvarena.format.RawFormat;
import io.kvarena.format.TileKind;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
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
  static final String TAIL = "tail";

  private static final int LENGTH_MAX = 4096;

  @Param({"f16", "q8_0", "q4_0"})
  public String format = "f16";

  private final MemorySegment rows =
      MemorySegment.ofArray(new float[PagedContext.PAGE_TOKENS * ROW]);
  private final int[] ids = new int[PagedContext.PAGE_TOKENS];
  private final float[] tileRows =
      new float[PagedContext.PAGE_TOKENS * PagedContext.LAYER.keyDim()];
  private MemorySegment tile = MemorySegment.NULL;
  private MemorySegment granule = MemorySegment.NULL;
  private PageFormat encoder = Formats.F16;
  private RawFormat raw = Formats.F16;
  private @Nullable KvCache cache;
  private @Nullable KvSequence sequence;

  @Setup
  public void open() {
    encoder = Formats.named(format);
    raw = encoder.raw();
    Random random = new Random(1);
    float[] values = (float[]) rows.heapBase().orElseThrow();
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    System.arraycopy(values, 0, tileRows, 0, tileRows.length);
    tile = tile(encoder, PagedContext.PAGE_TOKENS);
    granule = tile(raw, PageLayout.GRANULE_TOKENS);
    KvCache made =
        KvCache.builder(PagedContext.SHAPE)
            .keys(encoder)
            .values(encoder)
            .pageTokens(PagedContext.PAGE_TOKENS)
            .maxBytes(256L << 20)
            .build();
    cache = made;
    sequence = made.open();
  }

  private static MemorySegment tile(PageFormat format, int tokens) {
    long bytes = format.tileBytes(TileKind.KEYS, tokens, PagedContext.LAYER.keyDim());
    return Arena.ofAuto().allocate(bytes, 128);
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

  /** Writes as many elements to the raw tail, row by row into granules. */
  @Benchmark
  public MemorySegment tail() {
    int channels = PagedContext.LAYER.keyDim();
    for (int head = 0; head < PagedContext.LAYER.kvHeads(); head++) {
      for (TileKind kind : TileKind.values()) {
        for (int token = 0; token < PagedContext.PAGE_TOKENS; token++) {
          int slot = token % PageLayout.GRANULE_TOKENS;
          raw.putRow(
              kind,
              tileRows,
              token * channels,
              slot,
              PageLayout.GRANULE_TOKENS,
              channels,
              granule,
              0);
        }
      }
    }
    return granule;
  }

  /** Encodes as many elements, tile by tile. */
  @Benchmark
  public MemorySegment seal() {
    for (int head = 0; head < PagedContext.LAYER.kvHeads(); head++) {
      for (TileKind kind : TileKind.values()) {
        encoder.encode(
            kind, tileRows, PagedContext.PAGE_TOKENS, PagedContext.LAYER.keyDim(), tile, 0);
      }
    }
    return tile;
  }
}
