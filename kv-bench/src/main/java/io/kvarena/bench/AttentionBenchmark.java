package io.kvarena.bench;

import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import io.kvarena.attention.AttentionKernel;
import io.kvarena.attention.Kernels;
import io.kvarena.attention.PageRun;
import io.kvarena.ffi.NativeLibrary;
import io.kvarena.ffi.ReadCeiling;
import io.kvarena.format.Formats;
import java.lang.foreign.MemorySegment;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
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
 * One decode step of one layer, or a chunk of queries, or reading the same pages and nothing else.
 *
 * <p>On one thread a kernel folds pages that are scattered in memory and nothing else happens; on
 * more the step goes through a cache and its threads. The ceiling's threads read pages of their
 * own.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class AttentionBenchmark {

  /** The name under which the read ceiling goes. */
  static final String CEILING = "read";

  /** The name under which a read goes that leaves prefetching to the processor. */
  static final String PLAIN_READ = "read-plain";

  /** The name under which a step without a kernel goes: what the store does by itself. */
  static final String STORE = "store";

  private static final int WARM_TOKENS = 256;
  private static final long WARM_NANOS_MIN = 200_000_000;
  private static final long WARM_NANOS_MAX = 8_000_000_000L;
  private static final long BATCH_NANOS = 50_000_000;

  /** Kernels and formats that this process has run often. */
  private static final Set<String> WARM = ConcurrentHashMap.newKeySet();

  @Param({CEILING, "scalar"})
  public String kernel = CEILING;

  @Param({"f16", "q8_0", "q4_0"})
  public String format = "f16";

  @Param({"4096", "16384", "65536"})
  public int context = 4096;

  /** Query tokens: 1 in a decode step, more in a chunk of a prompt, which leaves the cache out. */
  @Param("1")
  public int chunk = 1;

  /** Threads of the cache; 0 leaves the cache out. */
  @Param("0")
  public int threads;

  private @Nullable AutoCloseable pages;
  private Supplier<Object> step = () -> 0;

  @Setup
  public void fill() {
    if (threads > 0) {
      AttentionKernel fold =
          kernel.equals(STORE) ? new IdleKernel(Kernels.best()) : Kernels.named(kernel);
      warmUp(fold);
      CachedContext cached = new CachedContext(fold, Formats.named(format), context, threads);
      pages = cached;
      step = cached::step;
      return;
    }
    PagedContext filled = new PagedContext(Formats.named(format), context, chunk);
    pages = filled;
    if (kernel.equals(CEILING) || kernel.equals(PLAIN_READ)) {
      if (NativeLibrary.isLoaded()) {
        ReadCeiling ceiling = new ReadCeiling();
        long ahead = kernel.equals(CEILING) ? ReadCeiling.AHEAD : 0;
        step = () -> ceiling.read(filled.next(), ahead);
      } else {
        step = () -> sum(filled.next());
      }
      return;
    }
    AttentionKernel fold = Kernels.named(kernel);
    warmUp(fold);
    step = () -> filled.step(fold);
  }

  /**
   * Runs a kernel on few pages for as long as the JIT makes it faster, once in a process for each
   * format: with vectors that is seconds, and no line should last that long.
   */
  private void warmUp(AttentionKernel fold) {
    if (!WARM.add(kernel + " " + format + " " + (chunk > 1))) {
      return;
    }
    int queries = Math.min(chunk, WARM_TOKENS);
    try (PagedContext few = new PagedContext(Formats.named(format), WARM_TOKENS, queries)) {
      long start = System.nanoTime();
      long now = start;
      long improved = start;
      double best = Double.MAX_VALUE;
      // Over once nothing has improved for as long again as it took to come here.
      while (now - start < WARM_NANOS_MIN
          || (now - improved < improved - start && now - start < WARM_NANOS_MAX)) {
        long from = now;
        int steps = 0;
        while (now - from < BATCH_NANOS) {
          few.step(fold);
          steps++;
          now = System.nanoTime();
        }
        double each = (double) (now - from) / steps;
        if (each < 0.9 * best) {
          best = each;
          improved = now;
        }
      }
    }
  }

  /** Reads the pages in Java: a lower ceiling than C's where the JIT does not vectorise it. */
  private static long sum(PageRun run) {
    long bytes = run.layout().pageBytes();
    long sum = 0;
    for (int i = 0; i < run.size(); i++) {
      MemorySegment slab = run.slab(i);
      long from = run.offset(i);
      for (long at = 0; at < bytes; at += 8) {
        sum += slab.get(JAVA_LONG_UNALIGNED, from + at);
      }
    }
    return sum;
  }

  @TearDown
  public void free() throws Exception {
    AutoCloseable filled = pages;
    if (filled != null) {
      filled.close();
    }
  }

  @Benchmark
  public Object step() {
    return step.get();
  }
}
