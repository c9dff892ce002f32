package io.kvarena.ffi;

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

/** Random pages and queries for a fold. */
record Scene(Queries queries, PageRun run) {

  static Scene random(Random random, PageFormat keys, PageFormat values) {
    int[] dims = {1, 3, 8, 33, 64, 100, 128};
    int kvHeads = 1 + random.nextInt(3);
    int group = 1 + random.nextInt(6);
    int keyDim = dims[random.nextInt(dims.length)];
    int valueDim = dims[random.nextInt(dims.length)];
    int tokens = 8 * (1 + random.nextInt(8));
    LayerShape layer =
        new LayerShape(
            kvHeads * group,
            kvHeads,
            keyDim,
            valueDim,
            new LayerKind.Full(),
            Rope.NONE,
            AttentionParams.standard(keyDim));
    // With one head in a page the run is of a later head, whose queries start further on.
    int heads = random.nextBoolean() ? kvHeads : 1;
    PageLayout layout = new PageLayout(layer, tokens, heads, keys, values);
    int pages = 1 + random.nextInt(4);
    MemorySegment slab = Arena.ofAuto().allocate(pages * layout.pageBytes(), 4096);
    PageRun run = new PageRun();
    run.start(layout);
    for (int page = 0; page < pages; page++) {
      long at = (pages - 1 - page) * layout.pageBytes();
      for (int head = 0; head < heads; head++) {
        keys.encode(
            TileKind.KEYS,
            numbers(random, tokens * keyDim),
            tokens,
            keyDim,
            slab,
            at + layout.keyTileOffset(head));
        values.encode(
            TileKind.VALUES,
            numbers(random, tokens * valueDim),
            tokens,
            valueDim,
            slab,
            at + layout.valueTileOffset(head));
      }
      long live = random.nextInt(3) == 0 ? random.nextLong() : -1;
      run.add(slab, 1, at, live, 7 + page * tokens);
    }
    int queryTokens = 1 + random.nextInt(12);
    float[] data = numbers(random, queryTokens * layer.queryHeads() * keyDim + 3);
    MemorySegment memory = Arena.ofAuto().allocate(4L * data.length, 4);
    MemorySegment.copy(data, 0, memory, JAVA_FLOAT, 0, data.length);
    Queries queries = new Queries();
    queries.set(
        memory,
        12,
        queryTokens,
        layer.queryHeads(),
        keyDim,
        (float) (1 / Math.sqrt(keyDim)),
        random.nextInt(3) == 0 ? 5 : 0);
    queries.firstHead(heads == 1 ? (kvHeads - 1) * group : 0);
    for (int token = 0; token < queryTokens; token++) {
      int highest = 7 + random.nextInt(pages * tokens + 8);
      queries.bounds(token, random.nextBoolean() ? 0 : highest - random.nextInt(90), highest);
    }
    return new Scene(queries, run);
  }

  private static float[] numbers(Random random, int count) {
    float[] numbers = new float[count];
    for (int i = 0; i < count; i++) {
      numbers[i] = (float) Math.clamp(random.nextGaussian(), -3, 3);
    }
    return numbers;
  }

  void foldInto(AttentionKernel kernel, AttentionState state) {
    PageLayout layout = run.layout();
    state.reset(
        queries.tokens(), layout.heads() * layout.layer().group(), layout.layer().valueDim());
    kernel.fold(queries, run, state);
  }

  AttentionState fold(AttentionKernel kernel) {
    AttentionState state = new AttentionState();
    foldInto(kernel, state);
    return state;
  }
}
