package io.kvarena.bench;

import io.kvarena.attention.Kernels;
import io.kvarena.format.Formats;
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

/** A decode step of a batch of sequences with one prefix, whose pages they share or not. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class PrefixBenchmark {

  @Param("scalar")
  public String kernel = "scalar";

  @Param("f16")
  public String format = "f16";

  /** Tokens of the prefix. */
  @Param("4096")
  public int prefix = 4096;

  @Param("64")
  public int sequences = 64;

  @Param("1")
  public int threads = 1;

  @Param({"false", "true"})
  public boolean shared;

  private @Nullable CachedFamily family;

  @Setup
  public void fill() {
    family =
        new CachedFamily(
            Kernels.named(kernel), Formats.named(format), prefix, sequences, threads, shared);
  }

  @TearDown
  public void free() {
    CachedFamily filled = family;
    if (filled != null) {
      filled.close();
    }
  }

  @Benchmark
  public float step() {
    CachedFamily filled = family;
    return filled == null ? 0 : filled.step();
  }
}
