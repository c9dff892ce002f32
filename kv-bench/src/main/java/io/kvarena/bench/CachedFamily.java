package io.kvarena.bench;

import io.kvarena.AttentionBatch;
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
 * Sequences with one prefix and a token of their own each, in the layer of {@link PagedContext}:
 * forks that share the prefix's pages, or sequences to which it was fed one by one.
 */
final class CachedFamily implements AutoCloseable {

  private static final int CHUNK = 256;
  private static final int WIDTH = PagedContext.LAYER.kvHeads() * PagedContext.LAYER.keyDim();
  private static final int QUERY = PagedContext.LAYER.queryHeads() * PagedContext.LAYER.keyDim();

  private final KvCache cache;
  private final AttentionBatch batch;

  CachedFamily(
      AttentionKernel kernel,
      PageFormat format,
      int prefix,
      int sequences,
      int threads,
      boolean shared) {
    int copies = shared ? 1 : sequences;
    long tail = PagedContext.bytes(format.raw(), 2 * CHUNK);
    long bytes = copies * PagedContext.bytes(format, prefix) + sequences * tail;
    cache =
        KvCache.builder(PagedContext.SHAPE)
            .keys(format)
            .values(format)
            .pageTokens(PagedContext.PAGE_TOKENS)
            .kernel(kernel)
            .threads(threads)
            .maxBytes(bytes + bytes / 8 + (64L << 20))
            .slabBytes(1L << 30)
            .slabSource(PagedContext.slabs())
            .leakDetection(LeakDetection.OFF)
            .build();
    List<KvSequence> family = new ArrayList<>();
    for (int i = 0; i < sequences; i++) {
      family.add(shared && i > 0 ? family.getFirst().fork() : fed(prefix));
    }
    Random random = new Random(2);
    MemorySegment own = gaussian(WIDTH, random);
    for (KvSequence sequence : family) {
      sequence.extend(1);
      sequence.append(0, own, own);
    }
    batch =
        AttentionBatch.decode(
            family, gaussian(sequences * QUERY, random), gaussian(sequences * QUERY, random));
  }

  private KvSequence fed(int prefix) {
    KvSequence sequence = cache.open();
    MemorySegment rows = gaussian(CHUNK * WIDTH, new Random(1));
    for (int at = 0; at < prefix; at += CHUNK) {
      int count = Math.min(CHUNK, prefix - at);
      MemorySegment some = rows.asSlice(0, 4L * count * WIDTH);
      sequence.extend(new int[count]);
      sequence.append(0, some, some);
    }
    return sequence;
  }

  private static MemorySegment gaussian(int count, Random random) {
    MemorySegment numbers = Arena.ofAuto().allocate(4L * count, 64);
    for (int i = 0; i < count; i++) {
      numbers.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
    }
    return numbers;
  }

  /** A decode step's attention for all sequences; the first number of the output. */
  float step() {
    cache.attend(0, batch);
    return batch.out().get(ValueLayout.JAVA_FLOAT, 0);
  }

  @Override
  public void close() {
    cache.close();
  }
}
