package io.kvarena.opencl;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import io.kvarena.AttentionParams;
import io.kvarena.LayerKind;
import io.kvarena.LayerShape;
import io.kvarena.Rope;
import io.kvarena.attention.AttentionKernel;
import io.kvarena.attention.AttentionState;
import io.kvarena.attention.PageRun;
import io.kvarena.attention.Queries;
import io.kvarena.format.PageFormat;
import io.kvarena.format.PageLayout;
import io.kvarena.format.TileKind;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;

/** Random pages and queries of one shape, and the attention over them in double arithmetic. */
final class FoldCase {

  final PageLayout layout;
  final int tokens;
  final Random random;
  final PageRun run = new PageRun();
  final Queries queries = new Queries();
  final float scale;
  final float softCap;
  int nextPosition;

  private FoldCase(PageLayout layout, int tokens, float softCap, Random random) {
    this.layout = layout;
    this.tokens = tokens;
    this.random = random;
    this.softCap = softCap;
    scale = layout.layer().params().scale();
    run.start(layout);
    int heads = layout.heads() * layout.layer().group();
    int keyDim = layout.layer().keyDim();
    MemorySegment data = Arena.ofAuto().allocate(4L * tokens * heads * keyDim, 64);
    for (long i = 0; i < (long) tokens * heads * keyDim; i++) {
      data.setAtIndex(JAVA_FLOAT, i, 2 * (float) random.nextGaussian());
    }
    queries.set(data, 0, tokens, heads, keyDim, scale, softCap);
    for (int token = 0; token < tokens; token++) {
      queries.bounds(token, 0, Integer.MAX_VALUE);
    }
  }

  static FoldCase of(
      PageFormat keys,
      PageFormat values,
      int pageTokens,
      int kvHeads,
      int group,
      int keyDim,
      int valueDim,
      int tokens,
      float softCap,
      long seed) {
    LayerShape shape =
        new LayerShape(
            kvHeads * group,
            kvHeads,
            keyDim,
            valueDim,
            LayerKind.FULL,
            Rope.NONE,
            AttentionParams.standard(keyDim).withSoftCap(softCap));
    return new FoldCase(
        new PageLayout(shape, pageTokens, kvHeads, keys, values),
        tokens,
        softCap,
        new Random(seed));
  }

  /** Memory for {@code pages} pages, aligned as a slab is. */
  MemorySegment slab(int pages) {
    return Arena.ofAuto().allocate(pages * layout.pageBytes(), 4096);
  }

  /** Memory for {@code pages} pages that no device takes in place. */
  MemorySegment oddSlab(int pages) {
    return Arena.ofAuto().allocate(pages * layout.pageBytes() + 8, 4096).asSlice(8);
  }

  /** A whole live page of random content behind the last. */
  void addPage(MemorySegment slab, int index) {
    addPage(slab, index, -1L >>> (64 - layout.pageTokens()), nextPosition);
  }

  void addPage(MemorySegment slab, int index, long live, int position) {
    fill(slab, index);
    run.add(slab, 0, index * layout.pageBytes(), live, position);
    nextPosition = position + layout.pageTokens();
  }

  /** Encodes random keys and values into a page. */
  void fill(MemorySegment slab, int index) {
    long page = index * layout.pageBytes();
    int keyDim = layout.layer().keyDim();
    int valueDim = layout.layer().valueDim();
    for (int head = 0; head < layout.heads(); head++) {
      layout
          .keys()
          .encode(
              TileKind.KEYS,
              gaussian(layout.pageTokens() * keyDim),
              layout.pageTokens(),
              keyDim,
              slab,
              page + layout.keyTileOffset(head));
      layout
          .values()
          .encode(
              TileKind.VALUES,
              gaussian(layout.pageTokens() * valueDim),
              layout.pageTokens(),
              valueDim,
              slab,
              page + layout.valueTileOffset(head));
    }
  }

  private float[] gaussian(int count) {
    float[] numbers = new float[count];
    for (int i = 0; i < count; i++) {
      numbers[i] = (float) random.nextGaussian();
    }
    return numbers;
  }

  /** Query heads of the run. */
  int heads() {
    return layout.heads() * layout.layer().group();
  }

  /** The state after one fold of the whole case. */
  AttentionState fold(AttentionKernel kernel) {
    AttentionState state = new AttentionState();
    state.reset(tokens, heads(), layout.layer().valueDim());
    kernel.fold(queries, run, state);
    return state;
  }

  /** What a row should be: its output, and how far a kernel in f32 may be from it. */
  record Expected(double[] out, boolean seen, double tolerance) {}

  Expected expected(int token, int head) {
    int pageTokens = layout.pageTokens();
    int keyDim = layout.layer().keyDim();
    int valueDim = layout.layer().valueDim();
    int kvHead = head / layout.layer().group();
    float[] keys = new float[pageTokens * keyDim];
    float[] values = new float[pageTokens * valueDim];
    double max = Double.NEGATIVE_INFINITY;
    double sum = 0;
    double[] out = new double[valueDim];
    double largestProduct = 0;
    double largestValue = 0;
    for (int page = 0; page < run.size(); page++) {
      long seen =
          Queries.visible(
              run.live(page),
              run.position(page),
              pageTokens,
              queries.lowest(token),
              queries.highest(token));
      MemorySegment slab = run.slab(page);
      long at = run.offset(page);
      layout
          .keys()
          .decode(TileKind.KEYS, slab, at + layout.keyTileOffset(kvHead), pageTokens, keyDim, keys);
      layout
          .values()
          .decode(
              TileKind.VALUES,
              slab,
              at + layout.valueTileOffset(kvHead),
              pageTokens,
              valueDim,
              values);
      for (int slot = 0; slot < pageTokens; slot++) {
        if ((seen >>> slot & 1) == 0) {
          continue;
        }
        double dot = 0;
        double products = 0;
        for (int i = 0; i < keyDim; i++) {
          double q =
              queries
                  .data()
                  .get(JAVA_FLOAT, queries.rowOffset(token, queries.firstHead() + head) + 4L * i);
          dot += q * keys[slot * keyDim + i];
          products += Math.abs(q * keys[slot * keyDim + i]);
        }
        largestProduct = Math.max(largestProduct, products * scale);
        double logit = dot * scale;
        if (softCap > 0) {
          logit = softCap * Math.tanh(logit / softCap);
        }
        double after = Math.max(max, logit);
        double remains = Math.exp(max - after);
        double weight = Math.exp(logit - after);
        sum = sum * remains + weight;
        for (int i = 0; i < valueDim; i++) {
          double value = values[slot * valueDim + i];
          out[i] = out[i] * remains + weight * value;
          largestValue = Math.max(largestValue, Math.abs(value));
        }
        max = after;
      }
    }
    for (int i = 0; i < valueDim && sum > 0; i++) {
      out[i] /= sum;
    }
    return new Expected(out, sum > 0, tolerance(largestProduct) * largestValue);
  }

  /**
   * How far an output may be off, relative to the largest value. With u = 2^-24: a logit is off by
   * at most u (keyDim + 4) Σ|q k| scale, and 8 u softCap for tanh; exp by 4 u of its result; a sum
   * is taken over a page, then over the pages of a split, then over the splits, each term of which
   * is rounded once. Numerator and denominator are each off by that much.
   */
  private double tolerance(double largestProduct) {
    double u = 0x1p-24;
    double logit = (layout.layer().keyDim() + 4) * largestProduct + 8 * softCap;
    double sums = layout.pageTokens() + ClTuning.DEFAULT.splitTokens() / 8.0 + run.size() + 8;
    return 2 * u * (logit + 4 + sums);
  }
}
