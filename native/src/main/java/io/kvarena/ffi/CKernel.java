package io.kvarena.ffi;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import io.kvarena.attention.AttentionKernel;
import io.kvarena.attention.AttentionState;
import io.kvarena.attention.PageRun;
import io.kvarena.attention.Queries;
import io.kvarena.attention.RowKernel;
import io.kvarena.format.Formats;
import io.kvarena.format.PageFormat;
import io.kvarena.format.PageLayout;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.ref.Reference;
import java.util.Set;

/**
 * The kernel in C for one instruction set, such as {@code c-baseline} or {@code c-avx512vnni}:
 * every pair of formats, keys and values of up to 1024 channels.
 *
 * <p>A fold is one call that is not critical: a thread in C does not hold up garbage collection.
 */
public final class CKernel implements AttentionKernel {

  /** A format of anybody else's is none of these, whatever its code. */
  private static final Set<PageFormat> FORMATS = Set.copyOf(Formats.all());

  // The function's address is an argument, so that one constant handle serves all kernels.
  private static final MethodHandle FOLD =
      Linker.nativeLinker()
          .downcallHandle(FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, ADDRESS));

  private final String name;
  private final MemorySegment function;
  private final CRows.Functions rows;

  /**
   * @param isa instruction set of the fold
   * @param rowsIsa instruction set of what is done to rows
   */
  CKernel(String isa, String rowsIsa, NativeLibrary library) {
    name = "c-" + isa;
    function = library.symbol("kv_fold_" + isa);
    rows = CRows.Functions.of(rowsIsa, library);
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public RowKernel newRowKernel() {
    return new CRows(rows);
  }

  @Override
  public boolean supports(PageLayout layout) {
    return isOurs(layout.keys())
        && isOurs(layout.values())
        && layout.layer().keyDim() <= FoldStruct.CHANNELS_MAX
        && layout.layer().valueDim() <= FoldStruct.CHANNELS_MAX;
  }

  static boolean isOurs(PageFormat format) {
    return FORMATS.contains(format);
  }

  @Override
  public boolean seamless() {
    return true;
  }

  @Override
  public void fold(Queries queries, PageRun run, AttentionState state) {
    if (run.size() == 0 || queries.tokens() == 0) {
      return;
    }
    PageLayout layout = run.layout();
    check(layout, queries, state);
    checkPages(layout, run);
    MemorySegment struct = FoldStruct.take();
    int status;
    try {
      FoldStruct.fill(struct, queries, run, state);
      status =
          (int)
              FOLD.invokeExact(
                  function, layout.keys().code(), layout.values().code(), struct, run.rows());
    } catch (Throwable failed) {
      throw Downcalls.unexpected(failed);
    } finally {
      // The struct holds bare addresses of their memory.
      Reference.reachabilityFence(queries);
      Reference.reachabilityFence(run);
      Reference.reachabilityFence(state);
      FoldStruct.giveBack(struct);
    }
    if (status != 0) {
      throw new IllegalArgumentException(
          "the kernel refuses this layout: kernel="
              + name
              + ", status="
              + status
              + ", layout="
              + layout
              + "; ask supports() first");
    }
  }

  /** C believes every address that it is given, so none may be wrong. */
  private void check(PageLayout layout, Queries queries, AttentionState state) {
    if (!supports(layout)) {
      throw new IllegalArgumentException(
          "the kernel does not read this layout: kernel="
              + name
              + ", layout="
              + layout
              + "; ask supports() first");
    }
    int runHeads = layout.heads() * layout.layer().group();
    if (queries.keyDim() != layout.layer().keyDim()
        || queries.firstHead() < 0
        || queries.firstHead() + runHeads > queries.heads()) {
      throw new IllegalArgumentException(
          "queries do not fit the run: keyDim="
              + queries.keyDim()
              + ", firstHead="
              + queries.firstHead()
              + ", heads="
              + queries.heads()
              + ", runKeyDim="
              + layout.layer().keyDim()
              + ", runQueryHeads="
              + runHeads
              + "; set them for the run's layer");
    }
    if (state.heads() < runHeads
        || state.valueDim() != layout.layer().valueDim()
        || state.rows() < queries.tokens() * state.heads()) {
      throw new IllegalArgumentException(
          "the state does not fit the run: heads="
              + state.heads()
              + ", rows="
              + state.rows()
              + ", valueDim="
              + state.valueDim()
              + ", runQueryHeads="
              + runHeads
              + ", tokens="
              + queries.tokens()
              + ", runValueDim="
              + layout.layer().valueDim()
              + "; reset it for these queries");
    }
    MemorySegment data = queries.data();
    long end = queries.rowOffset(queries.tokens() - 1, queries.heads());
    if (!data.isNative() || queries.offset() < 0 || end > data.byteSize()) {
      throw new IllegalArgumentException(
          "queries must be native memory that holds them all: native="
              + data.isNative()
              + ", bytes="
              + data.byteSize()
              + ", end="
              + end
              + "; copy them to native memory first");
    }
  }

  static void checkPages(PageLayout layout, PageRun run) {
    long pageBytes = layout.pageBytes();
    for (int i = 0; i < run.size(); i++) {
      MemorySegment slab = run.slab(i);
      long offset = run.offset(i);
      if (!slab.isNative() || offset < 0 || offset > slab.byteSize() - pageBytes) {
        throw new IllegalArgumentException(
            "a page lies outside its slab or not in native memory: page="
                + i
                + ", offset="
                + offset
                + ", pageBytes="
                + pageBytes
                + ", slabBytes="
                + slab.byteSize()
                + ", native="
                + slab.isNative()
                + "; add pages of the run's layout in native slabs");
      }
    }
  }

  @Override
  public String toString() {
    return name;
  }
}
