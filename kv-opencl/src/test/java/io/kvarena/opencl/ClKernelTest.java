package io.kvarena.opencl;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kvarena.attention.AttentionState;
import io.kvarena.attention.PageRun;
import io.kvarena.attention.Queries;
import io.kvarena.fixtures.attention.KernelGrid;
import io.kvarena.format.Formats;
import io.kvarena.format.PageFormat;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Both shapes of the kernel, on the first device, against double arithmetic. */
@NeedsOpenCl
final class ClKernelTest {

  /** Cases for each pair of formats. */
  private static final int CASES = 12;

  private static final List<PageFormat> FORMATS = Formats.all();

  private static final int[] DIMS = {1, 2, 7, 8, 16, 31, 33, 48, 64, 80, 128, 257, 576};
  private static final int[] GROUPS = {1, 2, 3, 4, 5, 8, 17};

  private static ClKernel kernel(ClShape shape) {
    return new ClKernel(ClDevices.all().getFirst(), shape);
  }

  /** A case of a pair of formats, everything else drawn. */
  static FoldCase draw(PageFormat keys, PageFormat values, long seed) {
    Random random = new Random(seed);
    return FoldCase.of(
        keys,
        values,
        // Not drawn: the first numbers of small seeds are alike.
        8 * (1 + Math.floorMod(seed, 8)),
        1 + random.nextInt(3),
        GROUPS[random.nextInt(GROUPS.length)],
        DIMS[random.nextInt(DIMS.length)],
        DIMS[random.nextInt(DIMS.length)],
        1 + random.nextInt(5),
        random.nextInt(3) == 0 ? 15 : 0,
        seed);
  }

  /** Pages with holes, gaps and dead pages in two slabs; queries with bounds of every kind. */
  static void scatter(FoldCase drawn) {
    Random random = drawn.random;
    int pages = 1 + random.nextInt(8);
    MemorySegment[] slabs = {drawn.slab(pages), drawn.slab(pages)};
    int last = 0;
    for (int page = 0; page < pages; page++) {
      long whole = -1L >>> (64 - drawn.layout.pageTokens());
      long live = random.nextInt(4) == 0 ? random.nextLong() : random.nextInt(6) == 0 ? 0 : whole;
      int gap = random.nextInt(6) == 0 ? ClTuning.DEFAULT.splitTokens() : 0;
      drawn.addPage(slabs[random.nextInt(2)], page, live, drawn.nextPosition + gap);
      last = drawn.nextPosition;
    }
    for (int token = 0; token < drawn.tokens; token++) {
      drawn.queries.bounds(
          token,
          random.nextBoolean() ? Integer.MIN_VALUE : random.nextInt(last + 10),
          random.nextBoolean() ? Integer.MAX_VALUE : random.nextInt(last + 10));
    }
  }

  /** The grid folds the pairs that are alike or have an f16 side: here is one more a format. */
  @Test
  void fold_pairsOfFormatsOutsideTheGrid_areNearDoubleArithmetic() {
    ClKernel kernel = kernel(ClShape.CPU);
    int rows = 0;
    for (int i = 0; i < FORMATS.size(); i++) {
      PageFormat keys = FORMATS.get(i);
      PageFormat values = FORMATS.get((i + 5) % FORMATS.size());
      if (!KernelGrid.isMain(keys, values)) {
        rows += foldSome(kernel, keys, values);
      }
    }
    assertTrue(rows > (FORMATS.size() - 2) * CASES, "rows=" + rows);
  }

  @Test
  void supports_everyPairOfFormats() {
    ClKernel kernel = kernel(ClShape.CPU);
    for (PageFormat keys : Formats.all()) {
      for (PageFormat values : Formats.all()) {
        assertTrue(kernel.supports(draw(keys, values, 1).layout), keys + "/" + values);
      }
    }
  }

  /** Keys and values are read apart from each other, so that each format once is every load. */
  @Test
  void fold_everyFormatInTheShapeForGpus_isNearDoubleArithmetic() {
    ClKernel kernel = kernel(ClShape.GPU);
    int rows = 0;
    for (PageFormat format : FORMATS) {
      rows += foldSome(kernel, format, format);
    }
    assertTrue(rows > FORMATS.size() * CASES, "rows=" + rows);
  }

  private static int foldSome(ClKernel kernel, PageFormat keys, PageFormat values) {
    int rows = 0;
    for (int i = 0; i < CASES; i++) {
      FoldCase drawn = draw(keys, values, 1000L * keys.code() + 100L * values.code() + i);
      scatter(drawn);
      rows += assertNear(drawn, drawn.fold(kernel));
    }
    return rows;
  }

  /** Compares every row and returns how many there are. */
  static int assertNear(FoldCase drawn, AttentionState state) {
    int valueDim = drawn.layout.layer().valueDim();
    for (int row = 0; row < state.rows(); row++) {
      FoldCase.Expected expected = drawn.expected(row / drawn.heads(), row % drawn.heads());
      if (!expected.seen()) {
        assertEquals(AttentionState.NOTHING_SEEN, state.max(row));
        assertEquals(0, state.sum(row));
        continue;
      }
      for (int i = 0; i < valueDim; i++) {
        float sum = state.segment().getAtIndex(JAVA_FLOAT, state.outIndex(row) + i);
        double out = sum / (double) state.sum(row);
        if (!(Math.abs(out - expected.out()[i]) <= expected.tolerance())) {
          assertEquals(
              expected.out()[i],
              out,
              expected.tolerance(),
              drawn.layout + ", row=" + row + ", channel=" + i + ", pages=" + drawn.run.size());
        }
      }
    }
    return state.rows();
  }

  static void assertSameBits(AttentionState expected, AttentionState found) {
    assertEquals(expected.rows(), found.rows());
    long bytes = 4L * expected.rows() * (2 + expected.valueDim());
    assertEquals(
        -1,
        expected.segment().asSlice(0, bytes).mismatch(found.segment().asSlice(0, bytes)),
        "first differing byte");
  }

  @ParameterizedTest
  @EnumSource(ClShape.class)
  void fold_oneQueryAloneOrAmongOthers_hasTheSameBits(ClShape shape) {
    ClKernel kernel = kernel(shape);
    for (int seed = 0; seed < 8; seed++) {
      int group = GROUPS[seed % GROUPS.length];
      FoldCase drawn =
          FoldCase.of(Formats.Q8_0, Formats.Q4_0, 16, 2, group, 48, 80, 21, 0, 7000 + seed);
      scatter(drawn);
      AttentionState together = drawn.fold(kernel);
      int rowFloats = drawn.heads() * drawn.layout.layer().keyDim();
      MemorySegment all = drawn.queries.data();
      for (int token = 0; token < drawn.tokens; token++) {
        int lowest = drawn.queries.lowest(token);
        int highest = drawn.queries.highest(token);
        var alone = new Queries();
        alone.set(all, 4L * token * rowFloats, 1, drawn.heads(), 48, drawn.scale, 0);
        alone.bounds(0, lowest, highest);
        AttentionState state = new AttentionState();
        state.reset(1, drawn.heads(), 80);
        kernel.fold(alone, drawn.run, state);
        for (int head = 0; head < drawn.heads(); head++) {
          assertSameRow(together, token * drawn.heads() + head, state, head);
        }
      }
    }
  }

  private static void assertSameRow(
      AttentionState expected, int expectedRow, AttentionState found, int row) {
    assertEquals(expected.max(expectedRow), found.max(row));
    assertEquals(expected.sum(expectedRow), found.sum(row));
    long bytes = 4L * expected.valueDim();
    assertEquals(
        -1,
        expected
            .segment()
            .asSlice(4 * expected.outIndex(expectedRow), bytes)
            .mismatch(found.segment().asSlice(4 * found.outIndex(row), bytes)),
        "first differing byte");
  }

  @ParameterizedTest
  @EnumSource(ClShape.class)
  void fold_pagesThatNoQuerySees_changeNoBit(ClShape shape) {
    ClKernel kernel = kernel(shape);
    FoldCase drawn = FoldCase.of(Formats.F16, Formats.F16, 32, 2, 3, 64, 64, 2, 0, 11);
    MemorySegment slab = drawn.slab(64);
    int seenFrom = 0;
    for (int page = 0; page < 64; page++) {
      drawn.addPage(slab, page);
    }
    drawn.queries.bounds(0, 700, 1500);
    drawn.queries.bounds(1, 710, 1400);
    final AttentionState whole = drawn.fold(kernel);
    PageRun seen = new PageRun();
    seen.start(drawn.layout);
    for (int page = 0; page < 64; page++) {
      if (drawn.run.position(page) + 32 > 700 && drawn.run.position(page) <= 1500) {
        seen.add(slab, 0, drawn.run.offset(page), drawn.run.live(page), drawn.run.position(page));
        seenFrom++;
      }
    }
    assertTrue(seenFrom > 20 && seenFrom < 30, "pages=" + seenFrom);
    AttentionState state = new AttentionState();
    state.reset(2, drawn.heads(), 64);
    kernel.fold(drawn.queries, seen, state);
    assertSameBits(whole, state);
  }

  @ParameterizedTest
  @EnumSource(ClShape.class)
  void fold_ofUnseenPages_leavesTheStateAsItIs(ClShape shape) {
    ClKernel kernel = kernel(shape);
    FoldCase drawn = FoldCase.of(Formats.F32, Formats.F32, 8, 1, 2, 5, 19, 3, 0, 12);
    drawn.addPage(drawn.slab(1), 0);
    AttentionState state = drawn.fold(kernel);
    AttentionState before = drawn.fold(kernel);
    for (int token = 0; token < 3; token++) {
      drawn.queries.bounds(token, 8, 7);
    }
    kernel.fold(drawn.queries, drawn.run, state);
    assertSameBits(before, state);
  }

  @Test
  void fold_pagesInMoreSlabsThanAKernelTakes_equalsOneSlab() {
    ClKernel kernel = kernel(ClShape.CPU);
    FoldCase drawn = FoldCase.of(Formats.F16, Formats.Q8_0, 8, 1, 2, 32, 32, 2, 0, 13);
    int pages = 150;
    MemorySegment one = drawn.slab(pages);
    MemorySegment[] many = new MemorySegment[PageBatch.SLABS_MAX + 5];
    PageRun scattered = new PageRun();
    scattered.start(drawn.layout);
    for (int page = 0; page < pages; page++) {
      drawn.addPage(one, page);
      int at = page % many.length;
      many[at] = many[at] == null ? drawn.slab(pages) : many[at];
      long offset = page * drawn.layout.pageBytes();
      MemorySegment.copy(one, offset, many[at], offset, drawn.layout.pageBytes());
      scattered.add(many[at], at, offset, drawn.run.live(page), drawn.run.position(page));
    }
    AttentionState state = new AttentionState();
    state.reset(2, drawn.heads(), 32);
    kernel.fold(drawn.queries, scattered, state);
    assertSameBits(drawn.fold(kernel), state);
    assertNear(drawn, state);
  }

  @Test
  void fold_slabThatNoDeviceTakesInPlace_isCopiedWithTheSameResult() {
    ClKernel kernel = kernel(ClShape.CPU);
    FoldCase drawn = FoldCase.of(Formats.F32, Formats.Q4_0, 64, 3, 2, 576, 512, 2, 0, 14);
    // Sixteen pages are a split and more than the staging memory holds: each takes two pieces.
    int pages = 40;
    MemorySegment aligned = drawn.slab(pages);
    for (int page = 0; page < pages; page++) {
      drawn.addPage(aligned, page, -1L, 64 * page);
    }
    assertTrue(16 * drawn.layout.pageBytes() > PageBatch.STAGING_BYTES);
    MemorySegment odd = drawn.oddSlab(pages);
    PageRun copied = new PageRun();
    copied.start(drawn.layout);
    for (int page = 0; page < pages; page++) {
      long offset = page * drawn.layout.pageBytes();
      MemorySegment.copy(aligned, offset, odd, offset, drawn.layout.pageBytes());
      copied.add(odd, 1, offset, -1L, 64 * page);
    }
    AttentionState state = new AttentionState();
    state.reset(2, drawn.heads(), 512);
    kernel.fold(drawn.queries, copied, state);
    assertSameBits(drawn.fold(kernel), state);
  }

  @ParameterizedTest
  @EnumSource(ClShape.class)
  void fold_deviceWithMemoryOfItsOwn_hasTheSameResult(ClShape shape) {
    ClDevice device = ClDevices.all().getFirst();
    ClContext apart =
        new ClContext(
            device, new InPlaceProbe.Verdict(false, false, "a test"), new ClBinaries(null, 0));
    ClKernel copying = new ClKernel(device, shape, ClTuning.DEFAULT, () -> apart);
    assertFalse(copying.inPlace());
    assertTrue(copying.runsOn().endsWith(", on copies of the pages: a test"), copying.runsOn());
    FoldCase drawn = FoldCase.of(Formats.Q8_0, Formats.Q8_0, 16, 2, 3, 33, 40, 5, 0, 17);
    scatter(drawn);
    assertSameBits(drawn.fold(kernel(shape)), drawn.fold(copying));
  }

  @Test
  void fold_manyQueryTokens_areTakenInPieces() {
    ClKernel kernel = kernel(ClShape.CPU);
    FoldCase drawn = FoldCase.of(Formats.BF16, Formats.F16, 8, 4, 4, 8, 256, 600, 0, 15);
    MemorySegment slab = drawn.slab(2);
    drawn.addPage(slab, 0);
    drawn.addPage(slab, 1, 0xffL, 5000);
    assertNear(drawn, drawn.fold(kernel));
  }

  @Test
  void fold_laneOfALayer_readsItsOwnQueryHeads() {
    ClKernel kernel = kernel(ClShape.CPU);
    FoldCase drawn = FoldCase.of(Formats.F16, Formats.F16, 16, 1, 2, 16, 16, 3, 0, 16);
    drawn.addPage(drawn.slab(1), 0);
    final AttentionState alone = drawn.fold(kernel);
    int layerHeads = 6;
    MemorySegment wide = MemorySegment.ofArray(new float[3 * layerHeads * 16]);
    for (int token = 0; token < 3; token++) {
      MemorySegment.copy(
          drawn.queries.data(), 4L * token * 32, wide, 4L * (token * layerHeads + 4) * 16, 4 * 32);
    }
    drawn.queries.set(wide, 0, 3, layerHeads, 16, drawn.scale, 0);
    drawn.queries.firstHead(4);
    for (int token = 0; token < 3; token++) {
      drawn.queries.bounds(token, 0, 100);
    }
    assertSameBits(alone, drawn.fold(kernel));
  }

  @Test
  void name_saysWhetherTheShapeIsTheDevices() {
    ClDevice device = ClDevices.all().getFirst();
    assertEquals("opencl", new ClKernel(device).name());
    ClShape other = ClShape.of(device) == ClShape.CPU ? ClShape.GPU : ClShape.CPU;
    assertTrue(new ClKernel(device, other).name().endsWith("-shape"));
    assertFalse(new ClKernel(device).toString().isEmpty());
  }
}
