package io.kvarena.opencl;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.lwjgl.opencl.CL10.CL_MEM_READ_WRITE;
import static org.lwjgl.opencl.CL10.clReleaseCommandQueue;
import static org.lwjgl.opencl.CL10.clReleaseMemObject;

import io.kvarena.attention.AttentionState;
import io.kvarena.attention.PageRun;
import io.kvarena.attention.Queries;
import io.kvarena.format.PageLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What one thread at a time needs for a fold: a queue, kernel objects and buffers, all kept for the
 * next fold, which then allocates nothing.
 */
final class ClWorker {

  /** Bytes of the splits' states that a fold holds at a time; more query tokens wait. */
  private static final long SCRATCH_BYTES = 8L << 20;

  /** Bytes of fold_args in the kernels. */
  private static final int ARGS_BYTES = 64;

  private static final int FOLD_SLABS = 1;
  private static final int FOLD_PAGES = FOLD_SLABS + PageBatch.SLABS_MAX;
  private static final int FOLD_TILES = FOLD_PAGES + 5;

  private final ClContext context;
  private final ClShape shape;
  private final ClTuning tuning;
  private final long queue;
  private final Map<ClProgram, @Nullable ClFunction[]> folds = functions();
  private final Map<ClProgram, @Nullable ClFunction[]> merges = functions();
  private final PageBatch batch;
  private final ClBuffer args;
  private final ClBuffer queryRows;
  private final ClBuffer bounds;
  private final ClBuffer stateRows;
  private final MemorySegment sizes = Arena.ofAuto().allocate(JAVA_LONG, 6);
  private long scratch;
  private long scratchBytes;

  ClWorker(ClContext context, ClShape shape, ClTuning tuning) {
    this.context = context;
    this.shape = shape;
    this.tuning = tuning;
    queue = context.createQueue();
    batch = new PageBatch(context, tuning.splitTokens());
    args = new ClBuffer(context);
    args.fit(ARGS_BYTES);
    queryRows = new ClBuffer(context);
    bounds = new ClBuffer(context);
    stateRows = new ClBuffer(context);
  }

  /** Folds; everything that it is given has been checked. */
  void fold(Queries queries, PageRun run, AttentionState state) {
    PageLayout layout = run.layout();
    int pair = KernelSource.pair(layout.keys(), layout.values());
    ClProgram program =
        shape.program(layout, queries.tokens(), tuning, context.device().localBytes());
    ClFunction fold = function(folds, program, pair, "fold");
    ClFunction merge = function(merges, program, pair, "merge");
    if (program.tilesBytes(layout) > 0) {
      fold.local(FOLD_TILES, program.tilesBytes(layout));
    }
    int heads = layout.heads() * layout.layer().group();
    int stride = queryStride(layout);
    int splits = batch.splits(run);
    long tokenBytes = 4L * heads * (layout.layer().valueDim() + 2);
    long widest = Math.max(tokenBytes * splits, 4L * heads * stride);
    int chunk = Math.clamp(SCRATCH_BYTES / widest, 1, queries.tokens());
    if (chunk < queries.tokens()) {
      int block = program.blockTokens(layout, chunk, tuning);
      chunk = chunk / block * block;
    }
    int splitsMax = Math.clamp(SCRATCH_BYTES / (tokenBytes * chunk), 1, splits);
    queryRows.fit(4L * chunk * heads * stride);
    bounds.fit(8L * chunk);
    stateRows.fit(tokenBytes * chunk);
    fitScratch(tokenBytes * chunk * splitsMax);
    try {
      for (int first = 0; first < queries.tokens(); first += chunk) {
        int tokens = Math.min(chunk, queries.tokens() - first);
        loadQueries(queries, first, tokens, heads, stride);
        loadState(state, first, tokens, heads);
        writeArgs(program, queries, layout, tokens);
        batch.start(run, splitsMax);
        while (batch.next() < run.size()) {
          boolean resumed = !batch.finished();
          batch.take(run, splitsMax, queue);
          enqueue(program, fold, merge, layout, tokens, resumed);
        }
        storeState(state, first, tokens, heads);
      }
    } finally {
      batch.forgetSlabs();
    }
  }

  /** Floats between query rows: padded with zeros, so that kernels read whole loads of keys. */
  private static int queryStride(PageLayout layout) {
    return (layout.layer().keyDim() + 15) / 16 * 16;
  }

  /** Room for a kernel object of every program. */
  private static Map<ClProgram, @Nullable ClFunction[]> functions() {
    Map<ClProgram, @Nullable ClFunction[]> functions = new EnumMap<>(ClProgram.class);
    for (ClProgram program : ClProgram.values()) {
      functions.put(program, new ClFunction[KernelSource.PAIRS]);
    }
    return functions;
  }

  private ClFunction function(
      Map<ClProgram, @Nullable ClFunction[]> functions, ClProgram program, int pair, String name) {
    @Nullable ClFunction[] made = Objects.requireNonNull(functions.get(program));
    ClFunction function = made[pair];
    if (function == null) {
      long kernel = context.createKernel(context.program(program, pair), name);
      function = new ClFunction(kernel);
      made[pair] = function;
    }
    return function;
  }

  private void fitScratch(long bytes) {
    if (bytes > scratchBytes) {
      releaseScratch();
      scratch = context.createBuffer(CL_MEM_READ_WRITE, bytes, 0);
      scratchBytes = bytes;
    }
  }

  private void releaseScratch() {
    if (scratch != 0) {
      Cl.check(clReleaseMemObject(scratch), "clReleaseMemObject");
      scratch = 0;
      scratchBytes = 0;
    }
  }

  private void loadQueries(Queries queries, int first, int tokens, int heads, int stride) {
    MemorySegment to = queryRows.host();
    int keyDim = queries.keyDim();
    for (int token = 0; token < tokens; token++) {
      long at = 4L * token * heads * stride;
      if (stride == keyDim) {
        MemorySegment.copy(
            queries.data(),
            queries.rowOffset(first + token, queries.firstHead()),
            to,
            at,
            4L * heads * keyDim);
      } else {
        for (int head = 0; head < heads; head++) {
          long from = queries.rowOffset(first + token, queries.firstHead() + head);
          MemorySegment.copy(queries.data(), from, to, at, 4L * keyDim);
          for (int dim = keyDim; dim < stride; dim++) {
            to.set(JAVA_FLOAT, at + 4L * dim, 0);
          }
          at += 4L * stride;
        }
      }
    }
    MemorySegment.copy(queries.bounds(), 8L * first, bounds.host(), 0, 8L * tokens);
    queryRows.push(queue, 4L * tokens * heads * stride);
    bounds.push(queue, 8L * tokens);
  }

  private void loadState(AttentionState state, int first, int tokens, int heads) {
    copyState(state, first, tokens, heads, true);
    stateRows.push(queue, 4L * tokens * heads * (2 + state.valueDim()));
  }

  private void storeState(AttentionState state, int first, int tokens, int heads) {
    stateRows.pull(queue, 4L * tokens * heads * (2 + state.valueDim()));
    copyState(state, first, tokens, heads, false);
  }

  /** Copies the rows of some tokens between the state, which holds all, and the buffer. */
  private void copyState(AttentionState state, int first, int tokens, int heads, boolean load) {
    MemorySegment whole = state.segment();
    MemorySegment mine = stateRows.host();
    int valueDim = state.valueDim();
    long rows = (long) tokens * heads;
    for (int token = 0; token < tokens; token++) {
      int row = (first + token) * state.heads();
      long at = (long) token * heads;
      copy(whole, 4 * state.maxIndex(row), mine, 4 * at, 4L * heads, load);
      copy(whole, 4 * state.sumIndex(row), mine, 4 * (rows + at), 4L * heads, load);
      copy(
          whole,
          4 * state.outIndex(row),
          mine,
          4 * (2 * rows + at * valueDim),
          4L * heads * valueDim,
          load);
    }
  }

  private static void copy(
      MemorySegment whole, long at, MemorySegment mine, long mineAt, long bytes, boolean load) {
    if (load) {
      MemorySegment.copy(whole, at, mine, mineAt, bytes);
    } else {
      MemorySegment.copy(mine, mineAt, whole, at, bytes);
    }
  }

  private void writeArgs(ClProgram program, Queries queries, PageLayout layout, int tokens) {
    MemorySegment to = args.host();
    to.setAtIndex(JAVA_INT, 0, layout.heads());
    to.setAtIndex(JAVA_INT, 1, layout.layer().group());
    to.setAtIndex(JAVA_INT, 2, layout.layer().keyDim());
    to.setAtIndex(JAVA_INT, 3, layout.layer().valueDim());
    to.setAtIndex(JAVA_INT, 4, layout.pageTokens());
    to.setAtIndex(JAVA_INT, 5, (int) layout.keyTileBytes());
    to.setAtIndex(JAVA_INT, 6, (int) layout.valueTileBytes());
    to.setAtIndex(JAVA_INT, 7, tokens);
    to.setAtIndex(JAVA_INT, 8, queryStride(layout));
    to.setAtIndex(JAVA_INT, 9, program.blockTokens(layout, tokens, tuning));
    to.setAtIndex(JAVA_FLOAT, 12, queries.scale());
    to.setAtIndex(JAVA_FLOAT, 13, queries.softCap());
  }

  private void enqueue(
      ClProgram program,
      ClFunction fold,
      ClFunction merge,
      PageLayout layout,
      int tokens,
      boolean resumed) {
    args.host().setAtIndex(JAVA_INT, 10, batch.splits());
    args.host().setAtIndex(JAVA_INT, 11, resumed ? 1 : 0);
    args.push(queue, ARGS_BYTES);
    fold.buffer(0, args.handle());
    for (int slab = 0; slab < PageBatch.SLABS_MAX; slab++) {
      fold.buffer(FOLD_SLABS + slab, batch.slabBuffer(slab));
    }
    fold.buffer(FOLD_PAGES, batch.rowsBuffer());
    fold.buffer(FOLD_PAGES + 1, batch.splitsBuffer());
    fold.buffer(FOLD_PAGES + 2, queryRows.handle());
    fold.buffer(FOLD_PAGES + 3, bounds.handle());
    fold.buffer(FOLD_PAGES + 4, scratch);
    program.foldSizes(sizes, layout, tokens, batch.splits(), tuning);
    launch(fold, 3);
    if (batch.finished()) {
      merge.buffer(0, args.handle());
      merge.buffer(1, scratch);
      merge.buffer(2, stateRows.handle());
      program.mergeSizes(sizes, tokens * layout.heads() * layout.layer().group());
      launch(merge, 1);
    }
    ClCalls.finish(queue);
  }

  private void launch(ClFunction function, int dimensions) {
    ClCalls.enqueue(
        queue,
        function.kernel(),
        dimensions,
        sizes.address(),
        sizes.address() + ClProgram.LOCAL_SIZES);
  }

  /** Waits for what still runs, then gives everything back to the driver. */
  void release() {
    ClCalls.finish(queue);
    release(folds);
    release(merges);
    batch.release();
    args.release();
    queryRows.release();
    bounds.release();
    stateRows.release();
    releaseScratch();
    Cl.check(clReleaseCommandQueue(queue), "clReleaseCommandQueue");
  }

  private static void release(Map<ClProgram, @Nullable ClFunction[]> functions) {
    for (@Nullable ClFunction[] made : functions.values()) {
      for (ClFunction function : made) {
        if (function != null) {
          function.release();
        }
      }
    }
  }
}
