package io.kvarena.bench;

import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import io.kvarena.attention.AttentionKernel;
import io.kvarena.attention.Kernels;
import io.kvarena.attention.PageRun;
import io.kvarena.ffi.NativeLibrary;
import io.kvarena.ffi.ReadCeiling;
import io.kvarena.format.Formats;
import java.lang.foreign.MemorySegment;
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
 * One decode step of one layer, or reading the same pages and nothing else. Each thread its own.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class AttentionBenchmark {

  /** The name under which the read ceiling goes. */
  static final String CEILING = "read";

  @Param({CEILING, "scalar"})
  public String kernel = CEILING;

  @Param({"f16", "q8_0", "q4_0"})
  public String format = "f16";

  @Param({"4096", "16384"})
  public int context = 4096;

  private @Nullable PagedContext pages;
  private Supplier<Object> step = () -> 0;

  @Setup
  public void fill() {
    PagedContext filled = new PagedContext(Formats.named(format), context);
    pages = filled;
    if (kernel.equals(CEILING)) {
      if (NativeLibrary.isLoaded()) {
        ReadCeiling ceiling = new ReadCeiling();
        step = () -> ceiling.read(filled.run);
      } else {
        step = () -> sum(filled.run);
      }
      return;
    }
    AttentionKernel fold = Kernels.named(kernel);
    step =
        () -> {
          filled.state.reset(1, PagedContext.LAYER.queryHeads(), PagedContext.LAYER.valueDim());
          fold.fold(filled.queries, filled.run, filled.state);
          return filled.finish();
        };
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
  public void free() {
    PagedContext filled = pages;
    if (filled != null) {
      filled.close();
    }
  }

  @Benchmark
  public Object step() {
    return step.get();
  }
}
