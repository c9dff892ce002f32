package io.kvarena.opencl;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.kvarena.attention.PageRun;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The pages of one enqueued fold: a stretch of a run that lies in at most sixteen slabs, cut into
 * splits.
 *
 * <p>A split is folded on its own and merged afterwards, which gives a device parallel work. Splits
 * end where the position passes a multiple of the tuning's tokens, whatever else is in the run: so
 * a query's result does not depend on pages that it does not see. A split that must be cut all the
 * same is resumed by the next batch, with the same result to the bit.
 */
final class PageBatch {

  /** Slab arguments of a kernel. */
  static final int SLABS_MAX = 16;

  /** Bytes of a page_row in the kernels. */
  private static final int ROW_BYTES = 24;

  /** Bytes of pages that are copied at a time where a device does not work in place. */
  static final long STAGING_BYTES = 4L << 20;

  private final int splitTokens;
  private final ClSlabs slabs;
  private final ClBuffer rows;
  private final ClBuffer splitStarts;
  private final ClBuffer staging;
  private final @Nullable MemorySegment[] batchSlabs = new MemorySegment[SLABS_MAX];
  private final long[] buffers = new long[SLABS_MAX];

  private int slabCount;
  private int pages;
  private int splits;
  private int next;
  private boolean finished = true;
  private boolean copied;

  PageBatch(ClContext context, int splitTokens) {
    this.splitTokens = splitTokens;
    slabs = context.slabs();
    rows = new ClBuffer(context);
    splitStarts = new ClBuffer(context);
    staging = new ClBuffer(context);
  }

  /** Splits that a run falls into. */
  int splits(PageRun run) {
    int count = 0;
    for (int page = 0; page < run.size(); page++) {
      if (startsSplit(run, page)) {
        count++;
      }
    }
    return count;
  }

  private boolean startsSplit(PageRun run, int page) {
    return page == 0
        || Math.floorDiv(run.position(page), splitTokens)
            != Math.floorDiv(run.position(page - 1), splitTokens);
  }

  /**
   * Starts over at the first page of {@code run}, of which kernels see every slab in place or none.
   */
  void start(PageRun run, int splitsMax) {
    next = 0;
    finished = true;
    copied = !inPlace(run);
    long pageBytes = run.layout().pageBytes();
    rows.fit((long) run.size() * ROW_BYTES);
    splitStarts.fit(4L * (splitsMax + 1));
    if (copied) {
      staging.fit(Math.min(Math.max(STAGING_BYTES, pageBytes), run.size() * pageBytes));
    }
  }

  private boolean inPlace(PageRun run) {
    MemorySegment last = null;
    for (int page = 0; page < run.size(); page++) {
      MemorySegment slab = run.slab(page);
      if (!slab.equals(last) && slabs.buffer(slab) == 0) {
        return false;
      }
      last = slab;
    }
    return true;
  }

  /** Takes the next pages, in at most {@code splitsMax} splits, and shows them to kernels. */
  void take(PageRun run, int splitsMax, long queue) {
    final int from = next;
    final boolean resumed = !finished;
    final long pageBytes = run.layout().pageBytes();
    pages = 0;
    splits = 0;
    forgetSlabs();
    finished = true;
    int page = from;
    for (; page < run.size(); page++) {
      boolean starts = startsSplit(run, page);
      if (page > from && starts && (resumed || splits == splitsMax)) {
        break;
      }
      int slab = copied ? stagingSlot(run, page, pageBytes) : slabIndex(run.slab(page));
      if (slab < 0) {
        finished = starts;
        break;
      }
      if (starts || page == from) {
        splitStarts.host().setAtIndex(JAVA_INT, splits, pages);
        splits++;
      }
      put(run, page, slab, copied ? pages * pageBytes : run.offset(page));
      pages++;
    }
    next = page;
    if (!finished && splits > 1) {
      // Leave the split that was cut to the next batch.
      splits--;
      int whole = splitStarts.host().getAtIndex(JAVA_INT, splits);
      next -= pages - whole;
      pages = whole;
      finished = true;
    }
    splitStarts.host().setAtIndex(JAVA_INT, splits, pages);
    rows.push(queue, (long) pages * ROW_BYTES);
    splitStarts.push(queue, 4L * (splits + 1));
    if (copied) {
      staging.push(queue, pages * pageBytes);
    }
  }

  /** Slab 0 and a copy of the page in the staging memory, or -1 if that is full. */
  private int stagingSlot(PageRun run, int page, long pageBytes) {
    long at = pages * pageBytes;
    if (at + pageBytes > staging.host().byteSize()) {
      return -1;
    }
    MemorySegment.copy(run.slab(page), run.offset(page), staging.host(), at, pageBytes);
    return 0;
  }

  /** Index of a slab among the batch's, or -1 if it would be one too many. */
  private int slabIndex(MemorySegment slab) {
    for (int i = slabCount - 1; i >= 0; i--) {
      if (slab.equals(batchSlabs[i])) {
        return i;
      }
    }
    long buffer = slabs.buffer(slab);
    for (int i = 0; i < slabCount; i++) {
      if (buffers[i] == buffer) {
        return i;
      }
    }
    if (slabCount == SLABS_MAX) {
      return -1;
    }
    batchSlabs[slabCount] = slab;
    buffers[slabCount] = buffer;
    return slabCount++;
  }

  private void put(PageRun run, int page, int slab, long offset) {
    MemorySegment host = rows.host();
    long row = (long) pages * ROW_BYTES;
    host.set(JAVA_LONG, row, offset);
    host.set(JAVA_LONG, row + 8, run.live(page));
    host.set(JAVA_INT, row + 16, run.position(page));
    host.set(JAVA_INT, row + 20, slab);
  }

  /** Lets go of the slabs, so that nothing here keeps a closed arena's memory reachable. */
  void forgetSlabs() {
    Arrays.fill(batchSlabs, null);
    slabCount = 0;
  }

  /** First page of the run that no batch has taken yet. */
  int next() {
    return next;
  }

  /** Splits of the batch. */
  int splits() {
    return splits;
  }

  /** Whether the batch ends with its last split, rather than inside it. */
  boolean finished() {
    return finished;
  }

  /** Buffer of slab argument {@code index}; the first again where the batch has fewer slabs. */
  long slabBuffer(int index) {
    return copied ? staging.handle() : buffers[index < slabCount ? index : 0];
  }

  long rowsBuffer() {
    return rows.handle();
  }

  long splitsBuffer() {
    return splitStarts.handle();
  }

  void release() {
    rows.release();
    splitStarts.release();
    staging.release();
  }
}
