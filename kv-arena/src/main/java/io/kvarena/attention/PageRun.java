package io.kvarena.attention;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.kvarena.format.PageLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Pages of one layout to fold in order, each with its live mask and the position of its first slot.
 * Filled by the store and held resident by it while a kernel runs.
 *
 * <p>Kernels in Java read {@link #slab} and {@link #offset}; kernels in other languages read {@link
 * #rows}, native memory of 24-byte rows:
 *
 * <pre>
 * 0        8          16               20            24
 * | u64    | u64      | i32            | i32         |
 * | address| live mask| position slot 0| slab number |
 * </pre>
 */
public final class PageRun {

  /** Bytes of a row of {@link #rows}. */
  public static final int ROW_BYTES = 24;

  private MemorySegment rows = MemorySegment.NULL;
  private MemorySegment[] slabs = {};
  private long[] offsets = {};
  private int size;
  private @Nullable PageLayout layout;

  /** An empty run; a store makes few and reuses them. */
  public PageRun() {}

  /** Empties the run and sets the layout of the pages to come. */
  public void start(PageLayout layout) {
    this.layout = layout;
    size = 0;
  }

  /**
   * Adds a page.
   *
   * @param slab the slab that holds the page
   * @param slabNumber a number that stands for the slab as long as it lives
   * @param offset where in the slab the page starts
   * @param live bit s set: slot s may be attended to
   * @param position position of slot 0
   */
  public void add(MemorySegment slab, int slabNumber, long offset, long live, int position) {
    if (size == offsets.length) {
      grow();
    }
    slabs[size] = slab;
    offsets[size] = offset;
    long row = (long) size * ROW_BYTES;
    rows.set(JAVA_LONG, row, slab.address() + offset);
    rows.set(JAVA_LONG, row + 8, live);
    rows.set(JAVA_INT, row + 16, position);
    rows.set(JAVA_INT, row + 20, slabNumber);
    size++;
  }

  private void grow() {
    int capacity = Math.max(128, 2 * offsets.length);
    // Collected with this object: see AttentionState.
    MemorySegment larger = Arena.ofAuto().allocate((long) capacity * ROW_BYTES, 64);
    MemorySegment.copy(rows, 0, larger, 0, (long) size * ROW_BYTES);
    rows = larger;
    slabs = Arrays.copyOf(slabs, capacity);
    offsets = Arrays.copyOf(offsets, capacity);
  }

  /** Layout of every page of the run. */
  public PageLayout layout() {
    PageLayout current = layout;
    if (current == null) {
      throw new IllegalStateException("a run without a layout: pages=0; call start first");
    }
    return current;
  }

  /** Pages. */
  public int size() {
    return size;
  }

  /** The slab that holds page {@code index}. */
  public MemorySegment slab(int index) {
    return slabs[index];
  }

  /** A number that stands for the slab of page {@code index} as long as the slab lives. */
  public int slabNumber(int index) {
    return rows.get(JAVA_INT, (long) index * ROW_BYTES + 20);
  }

  /** Where page {@code index} starts in its slab. */
  public long offset(int index) {
    return offsets[index];
  }

  /** Live mask of page {@code index}. */
  public long live(int index) {
    return rows.get(JAVA_LONG, (long) index * ROW_BYTES + 8);
  }

  /** Position of slot 0 of page {@code index}. */
  public int position(int index) {
    return rows.get(JAVA_INT, (long) index * ROW_BYTES + 16);
  }

  /** The pages as native rows. */
  public MemorySegment rows() {
    return rows;
  }
}
