package io.kvarena.attention.vector;

import io.kvarena.attention.AttentionKernel;
import io.kvarena.attention.AttentionState;
import io.kvarena.attention.PageRun;
import io.kvarena.attention.Queries;
import io.kvarena.format.PageLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Attention with vectors: {@link io.kvarena.attention.ScalarKernel} with lanes, page by page as the
 * bytes lie, four query rows at a time.
 */
final class VectorKernel implements AttentionKernel {

  private static final ThreadLocal<Fold> FOLDS = ThreadLocal.withInitial(Fold::new);

  VectorKernel() {}

  @Override
  public String name() {
    return "vector";
  }

  @Override
  public boolean supports(PageLayout layout) {
    return Tile.of(layout.keys()) != null && Tile.of(layout.values()) != null;
  }

  @Override
  public void fold(Queries queries, PageRun run, AttentionState state) {
    Tile keys = Tile.of(run.layout().keys());
    Tile values = Tile.of(run.layout().values());
    if (keys == null || values == null) {
      throw new IllegalArgumentException(
          "the kernel does not read this layout: kernel=vector, layout="
              + run.layout()
              + "; ask supports first");
    }
    FOLDS.get().fold(queries, run, state, keys, values);
  }

  /** One fold at a time, and what it needs beside its arguments; reused by its thread. */
  private static final class Fold {
    private final Sweep sweep = new Sweep();
    private final Block block = new Block(sweep);
    private final Softmax softmax = new Softmax();
    private final Ahead ahead = new Ahead();
    private MemorySegment lastTile = MemorySegment.NULL;

    /** The query tokens that see the page, and the slots that they see. */
    private int[] seeing = {};

    private long[] visible = {};
    private int seeingCount;

    void fold(Queries queries, PageRun run, AttentionState state, Tile keys, Tile values) {
      PageLayout layout = run.layout();
      float unit = queryUnit(keys.codes());
      sweep.copy(queries, state.heads(), unit);
      if (seeing.length < queries.tokens()) {
        seeing = new int[queries.tokens()];
        visible = new long[queries.tokens()];
      }
      float scale = queries.scale() * (keys.codes().unit() / unit);
      softmax.start(state);
      sweep.start(state);
      for (int page = 0; page < run.size(); page++) {
        see(queries, run, page);
        int rows = seeingCount * layout.layer().group();
        if (rows == 0) {
          continue;
        }
        int together = Math.min(rows, Sweep.ROWS);
        int heads = Math.min(layout.heads(), Sweep.ROWS / together);
        for (int head = 0; head < layout.heads(); head += heads) {
          for (int row = 0; row < rows; row += together) {
            sweep(
                run,
                page,
                head,
                Math.min(heads, layout.heads() - head),
                row,
                Math.min(together, rows - row),
                scale,
                queries.softCap(),
                state,
                keys,
                values);
          }
        }
      }
      sweep.finish(state);
      softmax.finish(state);
    }

    /** Queries are given some of the codes' unit, so that products are far from zero. */
    private static float queryUnit(Codes codes) {
      return codes.unit() == 1 ? 1 : 0x1p64f;
    }

    private void see(Queries queries, PageRun run, int page) {
      int pageTokens = run.layout().pageTokens();
      seeingCount = 0;
      for (int token = 0; token < queries.tokens(); token++) {
        long slots =
            Queries.visible(
                run.live(page),
                run.position(page),
                pageTokens,
                queries.lowest(token),
                queries.highest(token));
        if (slots != 0) {
          seeing[seeingCount] = token;
          visible[seeingCount++] = slots;
        }
      }
    }

    /** Folds tiles of some heads of a page into some of the rows that see the page. */
    private void sweep(
        PageRun run,
        int page,
        int firstHead,
        int heads,
        int firstRow,
        int rows,
        float scale,
        float softCap,
        AttentionState state,
        Tile keys,
        Tile values) {
      PageLayout layout = run.layout();
      int tokens = layout.pageTokens();
      int keyDim = layout.layer().keyDim();
      int valueDim = layout.layer().valueDim();
      MemorySegment slab = run.slab(page);
      for (int i = 0; i < heads; i++) {
        choose(i * rows, firstRow, rows, firstHead + i, layout.layer().group(), state);
        long inPage = layout.keyTileOffset(firstHead + i);
        if (firstRow == 0) {
          ahead.enter(run, page, inPage, layout.keyTileBytes());
        }
        // What follows a tile of keys is a tile of values, which is long enough to reach into.
        long tile = run.offset(page) + inPage;
        keys.scales().loadKeys(keys.codes(), slab, tile, tokens, keyDim, block);
        int end = (i + 1) * rows;
        for (int row = i * rows; row < end; row += Block.ROWS) {
          block.choose(row, end);
          block.startDot(tokens);
          keys.scales().dot(keys.codes(), slab, tile, tokens, keyDim, block);
        }
      }
      for (int row = 0; row < heads * rows; row++) {
        softmax.weigh(sweep, row, tokens, scale, softCap, state);
      }
      for (int i = 0; i < heads; i++) {
        long inPage = layout.valueTileOffset(firstHead + i);
        if (firstRow == 0) {
          ahead.enter(run, page, inPage, layout.valueTileBytes());
        }
        long tile = run.offset(page) + inPage;
        MemorySegment memory = slab;
        if (tile + layout.valueTileBytes() + Codes.REACH > slab.byteSize()) {
          memory = copy(slab, tile, layout.valueTileBytes());
          tile = 0;
        }
        values.scales().loadValues(values.codes(), memory, tile, tokens, valueDim, block);
        int end = (i + 1) * rows;
        for (int row = i * rows; row < end; row += Block.ROWS) {
          block.choose(row, end);
          block.startSum();
          values.scales().sum(values.codes(), memory, tile, tokens, valueDim, block);
        }
      }
    }

    /** The last tile of a slab, where there is something behind it. */
    private MemorySegment copy(MemorySegment slab, long tile, long bytes) {
      if (lastTile.byteSize() < bytes + Codes.REACH) {
        // Collected with this object: see AttentionState.
        lastTile = Arena.ofAuto().allocate(bytes + Codes.REACH, 64);
      }
      // Not by a slice: that would be an object on the heap.
      MemorySegment.copy(slab, tile, lastTile, 0, bytes);
      return lastTile;
    }

    /** Makes rows of a head the sweep's from row {@code to} on. */
    private void choose(int to, int from, int rows, int head, int group, AttentionState state) {
      for (int i = 0; i < rows; i++) {
        int seer = (from + i) / group;
        sweep.stateRows[to + i] = seeing[seer] * state.heads() + head * group + (from + i) % group;
        sweep.visible[to + i] = visible[seer];
      }
    }
  }
}
