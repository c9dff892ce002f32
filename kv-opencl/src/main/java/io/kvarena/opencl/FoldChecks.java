package io.kvarena.opencl;

import io.kvarena.attention.AttentionState;
import io.kvarena.attention.PageRun;
import io.kvarena.attention.Queries;
import io.kvarena.format.PageLayout;
import java.lang.foreign.MemorySegment;

/**
 * Whether a kernel may be started: it runs inside the JVM and trusts every number, so that a wrong
 * one would end the process.
 */
final class FoldChecks {

  /** Every page starts on this boundary. */
  private static final int PAGE_ALIGNMENT = 128;

  private FoldChecks() {}

  static void check(Queries queries, PageRun run, AttentionState state) {
    PageLayout layout = run.layout();
    int queryHeads = layout.heads() * layout.layer().group();
    long lastHead = (long) queries.firstHead() + queryHeads;
    if (queries.keyDim() != layout.layer().keyDim()
        || state.valueDim() != layout.layer().valueDim()) {
      throw new IllegalArgumentException(
          "queries, pages and state differ in their dimensions: queryDim="
              + queries.keyDim()
              + ", keyDim="
              + layout.layer().keyDim()
              + ", valueDim="
              + layout.layer().valueDim()
              + ", stateDim="
              + state.valueDim()
              + "; make all three for one layer");
    }
    if (queries.firstHead() < 0 || lastHead > queries.heads() || queryHeads > state.heads()) {
      throw new IllegalArgumentException(
          "the run's query heads are not all there: firstHead="
              + queries.firstHead()
              + ", runHeads="
              + queryHeads
              + ", queryHeads="
              + queries.heads()
              + ", stateHeads="
              + state.heads()
              + "; give the layer's queries and a state of the run's heads");
    }
    long queryBytes = queries.offset() + 4L * queries.tokens() * queries.heads() * queries.keyDim();
    long rows = (long) queries.tokens() * state.heads();
    if (queries.offset() < 0
        || queryBytes > queries.data().byteSize()
        || 8L * queries.tokens() > queries.bounds().byteSize()
        || rows > state.rows()) {
      throw new IllegalArgumentException(
          "memory too small for the queries: tokens="
              + queries.tokens()
              + ", queryBytes="
              + queryBytes
              + ", dataBytes="
              + queries.data().byteSize()
              + ", stateRows="
              + state.rows()
              + "; reset the state for as many tokens");
    }
    checkPages(run, layout.pageBytes());
  }

  private static void checkPages(PageRun run, long pageBytes) {
    for (int page = 0; page < run.size(); page++) {
      MemorySegment slab = run.slab(page);
      long offset = run.offset(page);
      if (offset < 0 || offset % PAGE_ALIGNMENT != 0 || offset > slab.byteSize() - pageBytes) {
        throw new IllegalArgumentException(
            "page outside its slab or not aligned: page="
                + page
                + ", offset="
                + offset
                + ", pageBytes="
                + pageBytes
                + ", slabBytes="
                + slab.byteSize()
                + "; pages start at multiples of "
                + PAGE_ALIGNMENT);
      }
    }
  }
}
