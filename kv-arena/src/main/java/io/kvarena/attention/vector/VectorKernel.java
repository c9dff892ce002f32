package io.kvarena.attention.vector;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import io.kvarena.attention.AttentionKernel;
import io.kvarena.attention.AttentionState;
import io.kvarena.attention.PageRun;
import io.kvarena.attention.Queries;
import io.kvarena.format.PageLayout;
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
    return KeyTile.of(layout.keys()) != null && ValueTile.of(layout.values()) != null;
  }

  @Override
  public void fold(Queries queries, PageRun run, AttentionState state) {
    KeyTile keys = KeyTile.of(run.layout().keys());
    ValueTile values = ValueTile.of(run.layout().values());
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
    private final Block block = new Block();
    private final Softmax softmax = new Softmax();

    /** The query tokens that see the page, and the slots that they see. */
    private int[] seeing = {};

    private long[] visible = {};
    private int seeingCount;

    void fold(Queries queries, PageRun run, AttentionState state, KeyTile keys, ValueTile values) {
      PageLayout layout = run.layout();
      copy(queries, state.heads());
      block.fit(layout.layer().keyDim(), layout.layer().valueDim());
      softmax.start(state);
      for (int page = 0; page < run.size(); page++) {
        see(queries, run, page);
        if (seeingCount == 0) {
          continue;
        }
        for (int head = 0; head < layout.heads(); head++) {
          foldTiles(queries, run, page, head, state, keys, values);
        }
      }
      softmax.finish(state);
      block.loadAhead(MemorySegment.NULL, 0, 0, 0);
    }

    /** Copies the queries of the run's heads. */
    private void copy(Queries queries, int heads) {
      int keyDim = queries.keyDim();
      int rows = queries.tokens() * heads;
      if (block.queries.length < rows * keyDim) {
        block.queries = new float[rows * keyDim];
      }
      if (seeing.length < queries.tokens()) {
        seeing = new int[queries.tokens()];
        visible = new long[queries.tokens()];
      }
      for (int row = 0; row < rows; row++) {
        long from = queries.rowOffset(row / heads, queries.firstHead() + row % heads);
        MemorySegment.copy(
            queries.data(), JAVA_FLOAT_UNALIGNED, from, block.queries, row * keyDim, keyDim);
      }
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

    /** Folds one head's tiles of a page into the rows that see the page. */
    private void foldTiles(
        Queries queries,
        PageRun run,
        int page,
        int head,
        AttentionState state,
        KeyTile keys,
        ValueTile values) {
      PageLayout layout = run.layout();
      int tokens = layout.pageTokens();
      int keyDim = layout.layer().keyDim();
      int valueDim = layout.layer().valueDim();
      int rows = seeingCount * layout.layer().group();
      MemorySegment slab = run.slab(page);
      long keyTile = run.offset(page) + layout.keyTileOffset(head);
      long valueTile = run.offset(page) + layout.valueTileOffset(head);
      for (int first = 0; first < rows; first += Block.ROWS) {
        choose(first, Math.min(Block.ROWS, rows - first), head, layout.layer().group(), state);
        // The first block has the next tile loaded while it goes over this one.
        boolean ahead = first == 0;
        long bytes = ahead ? layout.valueTileBytes() : 0;
        block.loadAhead(slab, valueTile, bytes, keyDim * Lanes.pairs(tokens));
        keys.dot(slab, keyTile, tokens, keyDim, block);
        softmax.weigh(block, tokens, queries.scale(), queries.softCap(), state);
        loadNextKeysAhead(run, page, head, ahead, tokens * Lanes.pairs(valueDim));
        int done = values.sum(slab, valueTile, tokens, valueDim, block);
        if (done < valueDim) {
          values.sumRest(slab, valueTile, tokens, valueDim, done, block);
        }
        for (int i = 0; i < block.rows; i++) {
          long out = 4 * state.outIndex(block.stateRows[i]);
          block.addSums(i, state.segment(), out, valueDim);
        }
      }
    }

    /** Puts the rows from the {@code first} that sees the page on into the block. */
    private void choose(int first, int count, int head, int group, AttentionState state) {
      block.rows = count;
      for (int i = 0; i < count; i++) {
        int seer = (first + i) / group;
        int row = seeing[seer] * state.heads() + head * group + (first + i) % group;
        block.choose(i, row, visible[seer]);
      }
      block.fillStarts();
    }

    private void loadNextKeysAhead(PageRun run, int page, int head, boolean ahead, int loads) {
      PageLayout layout = run.layout();
      boolean samePage = head + 1 < layout.heads();
      int nextPage = samePage ? page : Math.min(page + 1, run.size() - 1);
      long at = run.offset(nextPage) + layout.keyTileOffset(samePage ? head + 1 : 0);
      long bytes = ahead ? layout.keyTileBytes() : 0;
      block.loadAhead(run.slab(nextPage), at, bytes, loads);
    }
  }
}
