package io.kvarena.bench;

import io.kvarena.KvCache;
import io.kvarena.KvSequence;
import io.kvarena.LeakDetection;
import io.kvarena.attention.AttentionKernel;
import io.kvarena.format.PageFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * The context and the queries of {@link PagedContext} in a cache: a decode step goes through the
 * store and its threads. Pages lie as a growing sequence gets them; there are as many sequences as
 * there are contexts there.
 */
final class CachedContext implements AutoCloseable {

  private static final int CHUNK = 256;

  private final KvCache cache;
  private final List<KvSequence> sequences = new ArrayList<>();
  private final MemorySegment queries;
  private final MemorySegment out;
  private int step;

  CachedContext(AttentionKernel kernel, PageFormat format, int tokens, int threads) {
    int contexts = PagedContext.contexts(format, tokens);
    long bytes =
        contexts * (PagedContext.bytes(format, tokens) + PagedContext.bytes(format.raw(), CHUNK))
            + PagedContext.bytes(format.raw(), CHUNK);
    cache =
        KvCache.builder(PagedContext.SHAPE)
            .keys(format)
            .values(format)
            .pageTokens(PagedContext.PAGE_TOKENS)
            .kernel(kernel)
            .threads(threads)
            .maxBytes(bytes + bytes / 8 + (16L << 20))
            .slabBytes(1L << 30)
            .slabSource(PagedContext.slabs())
            .leakDetection(LeakDetection.OFF)
            .build();
    int width = PagedContext.LAYER.kvHeads() * PagedContext.LAYER.keyDim();
    Random random = new Random(1);
    MemorySegment rows = gaussian(CHUNK * width, random);
    int heads = PagedContext.LAYER.queryHeads();
    queries = gaussian(heads * PagedContext.LAYER.keyDim(), random);
    out = Arena.ofAuto().allocate(4L * heads * PagedContext.LAYER.valueDim(), 64);
    // One token more than whole pages: a decode step has a tail.
    for (int i = 0; i < contexts; i++) {
      KvSequence sequence = cache.open();
      sequences.add(sequence);
      for (int at = 0; at <= tokens; at += CHUNK) {
        int count = Math.min(CHUNK, tokens + 1 - at);
        sequence.extend(new int[count]);
        MemorySegment some = rows.asSlice(0, 4L * count * width);
        sequence.append(0, some, some);
        sequence.attend(0, queries, out);
      }
    }
  }

  private static MemorySegment gaussian(int count, Random random) {
    MemorySegment numbers = Arena.ofAuto().allocate(4L * count, 64);
    for (int i = 0; i < count; i++) {
      numbers.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
    }
    return numbers;
  }

  /** A decode step's attention; the first number of the output. */
  float step() {
    step = (step + 1) % sequences.size();
    sequences.get(step).attend(0, queries, out);
    return out.get(ValueLayout.JAVA_FLOAT, 0);
  }

  @Override
  public void close() {
    sequences.forEach(KvSequence::close);
    cache.close();
  }
}
