package io.kvarena.attention;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import io.kvarena.format.PageLayout;
import io.kvarena.format.TileKind;
import java.lang.foreign.MemorySegment;

/**
 * The specification of every kernel: plain loops over decoded tiles. It reads any format, since it
 * asks the format itself to decode.
 */
public final class ScalarKernel implements AttentionKernel {

  private static final ThreadLocal<Tiles> TILES = ThreadLocal.withInitial(Tiles::new);

  /** A decoded keys and values tile, [pageTokens][channels], and the weights of its slots. */
  private static final class Tiles {
    float[] keys = {};
    float[] values = {};
    float[] query = {};
    float[] out = {};
    final float[] weights = new float[PageLayout.TOKENS_MAX];

    void fit(int tokens, int keyDim, int valueDim) {
      if (keys.length < tokens * keyDim) {
        keys = new float[tokens * keyDim];
      }
      if (values.length < tokens * valueDim) {
        values = new float[tokens * valueDim];
      }
      if (query.length < keyDim) {
        query = new float[keyDim];
      }
      if (out.length < valueDim) {
        out = new float[valueDim];
      }
    }
  }

  /** The one kind there is; it holds nothing. */
  public ScalarKernel() {}

  @Override
  public String name() {
    return "scalar";
  }

  @Override
  public boolean supports(PageLayout layout) {
    return true;
  }

  @Override
  public boolean seamless() {
    return true;
  }

  @Override
  public void fold(Queries queries, PageRun run, AttentionState state) {
    PageLayout layout = run.layout();
    Tiles tiles = TILES.get();
    int tokens = layout.pageTokens();
    int keyDim = layout.layer().keyDim();
    int valueDim = layout.layer().valueDim();
    int group = layout.layer().group();
    tiles.fit(tokens, keyDim, valueDim);
    for (int head = 0; head < layout.heads(); head++) {
      for (int page = 0; page < run.size(); page++) {
        boolean decoded = false;
        for (int token = 0; token < queries.tokens(); token++) {
          long visible =
              Queries.visible(
                  run.live(page),
                  run.position(page),
                  tokens,
                  queries.lowest(token),
                  queries.highest(token));
          if (visible == 0) {
            continue;
          }
          if (!decoded) {
            MemorySegment slab = run.slab(page);
            long at = run.offset(page);
            layout
                .keys()
                .decode(
                    TileKind.KEYS,
                    slab,
                    at + layout.keyTileOffset(head),
                    tokens,
                    keyDim,
                    tiles.keys);
            layout
                .values()
                .decode(
                    TileKind.VALUES,
                    slab,
                    at + layout.valueTileOffset(head),
                    tokens,
                    valueDim,
                    tiles.values);
            decoded = true;
          }
          for (int g = 0; g < group; g++) {
            foldTile(queries, token, head * group + g, visible, layout, tiles, state);
          }
        }
      }
    }
  }

  /** Folds one tile pair into one row. */
  private static void foldTile(
      Queries queries,
      int token,
      int head,
      long visible,
      PageLayout layout,
      Tiles tiles,
      AttentionState state) {
    int tokens = layout.pageTokens();
    int keyDim = layout.layer().keyDim();
    int valueDim = layout.layer().valueDim();
    MemorySegment.copy(
        queries.data(),
        JAVA_FLOAT_UNALIGNED,
        queries.rowOffset(token, queries.firstHead() + head),
        tiles.query,
        0,
        keyDim);
    int row = token * state.heads() + head;
    float before = state.max(row);
    float max = before;
    for (int slot = 0; slot < tokens; slot++) {
      if ((visible >>> slot & 1) == 0) {
        continue;
      }
      float dot = dot(tiles.query, tiles.keys, slot * keyDim, keyDim);
      float logit = dot * queries.scale();
      if (queries.softCap() > 0) {
        logit = queries.softCap() * (float) Math.tanh(logit / queries.softCap());
      }
      tiles.weights[slot] = logit;
      max = Math.max(max, logit);
    }
    float rescale = (float) Math.exp(before - max);
    float sum = state.sum(row) * rescale;
    MemorySegment memory = state.segment();
    long at = state.outIndex(row);
    for (int i = 0; i < valueDim; i++) {
      tiles.out[i] = memory.getAtIndex(JAVA_FLOAT, at + i) * rescale;
    }
    for (int slot = 0; slot < tokens; slot++) {
      if ((visible >>> slot & 1) == 0) {
        continue;
      }
      float weight = (float) Math.exp(tiles.weights[slot] - max);
      sum += weight;
      for (int i = 0; i < valueDim; i++) {
        tiles.out[i] += weight * tiles.values[slot * valueDim + i];
      }
    }
    memory.setAtIndex(JAVA_FLOAT, state.maxIndex(row), max);
    memory.setAtIndex(JAVA_FLOAT, state.sumIndex(row), sum);
    MemorySegment.copy(tiles.out, 0, memory, JAVA_FLOAT, 4 * at, valueDim);
  }

  /** q·k in four sums, so that each addition need not wait for the one before. */
  private static float dot(float[] query, float[] keys, int from, int keyDim) {
    float a = 0;
    float b = 0;
    float c = 0;
    float d = 0;
    int i = 0;
    for (; i + 3 < keyDim; i += 4) {
      a += query[i] * keys[from + i];
      b += query[i + 1] * keys[from + i + 1];
      c += query[i + 2] * keys[from + i + 2];
      d += query[i + 3] * keys[from + i + 3];
    }
    for (; i < keyDim; i++) {
      a += query[i] * keys[from + i];
    }
    return (a + b) + (c + d);
  }
}
