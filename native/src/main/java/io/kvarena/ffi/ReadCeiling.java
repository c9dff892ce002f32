package io.kvarena.ffi;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.kvarena.attention.PageRun;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.ref.Reference;

/**
 * The floor of every kernel: reads memory once with wide loads and does next to nothing with it.
 * Benchmarks time it beside a kernel, on the same pages and in the same run.
 */
public final class ReadCeiling {

  /** A distance at which prefetching reads fastest. */
  public static final long AHEAD = 8192;

  private final MethodHandle read;
  private final MethodHandle readPages;

  /** Throws UnsupportedOperationException where the C library is not loaded. */
  public ReadCeiling() {
    NativeLibrary library =
        NativeLibrary.loaded()
            .orElseThrow(() -> new UnsupportedOperationException(NativeLibrary.report()));
    Linker linker = Linker.nativeLinker();
    read =
        linker.downcallHandle(
            library.symbol("kv_read"), FunctionDescriptor.of(JAVA_LONG, ADDRESS, JAVA_LONG));
    readPages =
        linker.downcallHandle(
            library.symbol("kv_read_pages"),
            FunctionDescriptor.of(JAVA_LONG, ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_LONG));
  }

  /** Reads native memory; the sum of its 64-bit words, so that nothing can be left out. */
  public long read(MemorySegment memory) {
    if (!memory.isNative()) {
      throw new IllegalArgumentException(
          "the read ceiling is of native memory: native=false, bytes="
              + memory.byteSize()
              + "; pass a native segment");
    }
    try {
      return (long) read.invokeExact(memory, memory.byteSize());
    } catch (Throwable failed) {
      throw Downcalls.unexpected(failed);
    }
  }

  /**
   * Reads every page of a run in order; the sum of their 64-bit words.
   *
   * @param ahead bytes between what is read and what is prefetched, {@link #AHEAD} being about the
   *     best; 0 leaves prefetching to the processor
   */
  public long read(PageRun run, long ahead) {
    if (run.size() == 0) {
      return 0;
    }
    CKernel.checkPages(run.layout(), run);
    try {
      return (long)
          readPages.invokeExact(run.rows(), (long) run.size(), run.layout().pageBytes(), ahead);
    } catch (Throwable failed) {
      throw Downcalls.unexpected(failed);
    } finally {
      Reference.reachabilityFence(run);
    }
  }
}
