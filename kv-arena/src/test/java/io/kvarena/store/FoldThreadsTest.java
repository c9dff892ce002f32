package io.kvarena.store;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kvarena.AttentionBatch;
import io.kvarena.ClosedException;
import io.kvarena.KvCache;
import io.kvarena.KvSequence;
import io.kvarena.KvShape;
import io.kvarena.LayerShape;
import io.kvarena.Rope;
import io.kvarena.attention.AttentionKernel;
import io.kvarena.attention.AttentionState;
import io.kvarena.attention.PageRun;
import io.kvarena.attention.Queries;
import io.kvarena.attention.ScalarKernel;
import io.kvarena.format.Formats;
import io.kvarena.format.PageLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

/** Attention shared by threads: results that do not tell, errors that surface, close that waits. */
class FoldThreadsTest {

  private static final LayerShape LAYER = LayerShape.of(4, 2, 16, Rope.NONE);
  private static final KvShape SHAPE = KvShape.uniform(1, LAYER);
  private static final int SPLIT = 16;

  /** A scalar kernel of which some folds are slow, so that splits finish in any order. */
  private static class Uneven implements AttentionKernel {
    private final AttentionKernel right = new ScalarKernel();
    private final AtomicInteger folds = new AtomicInteger();

    @Override
    public String name() {
      return "uneven";
    }

    @Override
    public boolean supports(PageLayout layout) {
      return true;
    }

    @Override
    public void fold(Queries queries, PageRun run, AttentionState state) {
      right.fold(queries, run, state);
      if (folds.incrementAndGet() % 3 == 1) {
        LockSupport.parkNanos(200_000);
      }
    }
  }

  private static CacheBuilder builder(AttentionKernel kernel, int threads) {
    CacheBuilder builder = new CacheBuilder(SHAPE);
    builder
        .keys(Formats.Q8_0)
        .values(Formats.Q8_0)
        .pageTokens(8)
        .splitTokens(SPLIT)
        .threads(threads)
        .maxBytes(16 << 20)
        .kernel(kernel);
    return builder;
  }

  private static MemorySegment random(int floats, long seed) {
    Random random = new Random(seed);
    float[] values = new float[floats];
    for (int i = 0; i < floats; i++) {
      values[i] = random.nextFloat() * 2 - 1;
    }
    return MemorySegment.ofArray(values);
  }

  /** Appends {@code tokens} and attends them all, f32 [tokens][4][16]. */
  private static float[] feed(KvSequence sequence, int tokens, long seed) {
    sequence.extend(new int[tokens]);
    sequence.append(0, random(tokens * 32, seed), random(tokens * 32, seed + 1));
    float[] out = new float[tokens * 64];
    sequence.attend(0, random(tokens * 64, seed + 2), MemorySegment.ofArray(out));
    return out;
  }

  /** A prompt and some steps on one cache, bits of everything. */
  private static int[] story(KvCache cache) {
    List<float[]> all = new ArrayList<>();
    try (KvSequence sequence = cache.open()) {
      all.add(feed(sequence, 300, 1));
      for (int i = 0; i < 5; i++) {
        all.add(feed(sequence, 1, 10 + i));
      }
      all.add(feed(sequence, 40, 99));
    }
    return all.stream()
        .flatMapToInt(
            floats ->
                java.util.stream.IntStream.range(0, floats.length)
                    .map(i -> Float.floatToRawIntBits(floats[i])))
        .toArray();
  }

  @Test
  void attend_with1And2And3And7Threads_givesTheSameBits() {
    int[] expected;
    try (KvCache cache = builder(new Uneven(), 1).build()) {
      expected = story(cache);
    }
    for (int threads : new int[] {2, 3, 7}) {
      try (KvCache cache = builder(new Uneven(), threads).build()) {
        for (int round = 0; round < 3; round++) {
          assertArrayEquals(expected, story(cache), "threads=" + threads);
        }
      }
    }
  }

  /** Merges the splits as they come in: what {@link FoldJob} must not do. */
  private static final class MergesInAnyOrder extends FoldJob {
    private final AttentionState[] merged = new AttentionState[64];
    private final int[] count = new int[64];

    MergesInAnyOrder(HostCache cache) {
      super(cache);
    }

    @Override
    synchronized void folded(int group, int split, Workspace workspace) {
      AttentionState before = merged[group];
      if (before == null) {
        merged[group] = state(group, split);
      } else {
        before.merge(state(group, split));
      }
      if (++count[group] == splits(group)) {
        finish(group, merged[group], merged[group], workspace);
        merged[group] = null;
        count[group] = 0;
      }
    }
  }

  @Test
  void attend_withAJobThatMergesInOrderOfCompletion_isCaughtByItsBits() {
    int[] expected;
    try (KvCache cache = builder(new Uneven(), 1).build()) {
      expected = story(cache);
    }
    CacheBuilder builder = builder(new Uneven(), 3);
    builder.jobs = MergesInAnyOrder::new;
    try (KvCache cache = builder.build()) {
      boolean caught = false;
      for (int round = 0; round < 20 && !caught; round++) {
        caught = !Arrays.equals(expected, story(cache));
      }
      assertTrue(caught, "merging in any order was not noticed in 20 rounds");
    }
  }

  @Test
  void attend_ofALongStep_isSharedAndOfAShortOneIsNot() {
    try (KvCache cache = builder(new Threads(), 3).build();
        KvSequence sequence = cache.open()) {
      Threads kernel = (Threads) cache.kernel();
      feed(sequence, 8, 1);
      assertEquals(1, kernel.seen().size(), "a short prompt stays with its caller");
      feed(sequence, 400, 2);
      assertTrue(kernel.seen().size() > 1, "a long one is shared");
    }
  }

  @Test
  void attend_withSegmentsOfTheCallersThreadAlone_isSharedAllTheSame() {
    try (KvCache cache = builder(new Threads(), 3).build();
        KvSequence heap = cache.open();
        KvSequence confined = cache.open();
        Arena arena = Arena.ofConfined()) {
      float[] expected = feed(heap, 400, 2);
      confined.extend(new int[400]);
      confined.append(0, random(400 * 32, 2), random(400 * 32, 3));
      MemorySegment queries = arena.allocate(4L * 400 * 64, 4).copyFrom(random(400 * 64, 4));
      MemorySegment out = arena.allocate(4L * 400 * 64, 4);
      confined.attend(0, queries, out);
      assertTrue(((Threads) cache.kernel()).seen().size() > 1);
      assertArrayEquals(expected, out.toArray(ValueLayout.JAVA_FLOAT));
    }
  }

  /** Notes the threads that fold. */
  private static final class Threads extends Uneven {
    private final List<Thread> seen = new ArrayList<>();

    @Override
    public void fold(Queries queries, PageRun run, AttentionState state) {
      synchronized (seen) {
        if (!seen.contains(Thread.currentThread())) {
          seen.add(Thread.currentThread());
        }
      }
      super.fold(queries, run, state);
    }

    List<Thread> seen() {
      synchronized (seen) {
        return List.copyOf(seen);
      }
    }
  }

  /** Throws where a test wants it to, and counts the folds under way. */
  private static final class Failing extends Uneven {
    private final AtomicInteger underWay = new AtomicInteger();
    private final AtomicInteger left = new AtomicInteger(Integer.MAX_VALUE);

    @Override
    public void fold(Queries queries, PageRun run, AttentionState state) {
      underWay.incrementAndGet();
      try {
        if (left.getAndDecrement() == 0) {
          throw new IllegalStateException("the kernel failed");
        }
        super.fold(queries, run, state);
      } finally {
        underWay.decrementAndGet();
      }
    }
  }

  @Test
  void attend_whenTheKernelThrowsOnAnyThread_throwsWithNothingUnderWayAndCanBeRepeated() {
    Failing kernel = new Failing();
    try (KvCache cache = builder(kernel, 3).build();
        KvSequence failing = cache.open();
        KvSequence right = cache.open()) {
      feed(failing, 200, 1);
      feed(right, 200, 1);
      float[] expected = feed(right, 40, 2);
      failing.extend(new int[40]);
      failing.append(0, random(40 * 32, 2), random(40 * 32, 3));
      float[] out = new float[40 * 64];
      for (int after = 0; after < 20; after++) {
        kernel.left.set(after);
        IllegalStateException thrown =
            assertThrows(
                IllegalStateException.class,
                () -> failing.attend(0, random(40 * 64, 4), MemorySegment.ofArray(out)));
        assertEquals("the kernel failed", thrown.getMessage());
        assertEquals(0, kernel.underWay.get());
      }
      kernel.left.set(Integer.MAX_VALUE);
      failing.attend(0, random(40 * 64, 4), MemorySegment.ofArray(out));
      assertArrayEquals(expected, out);
      assertEquals(List.of(), cache.audit());
    }
  }

  /** Waits in its folds until a test lets it go. */
  private static final class Waiting extends Uneven {
    private final CountDownLatch inside = new CountDownLatch(1);
    private final CountDownLatch go = new CountDownLatch(1);
    private volatile boolean wait;

    @Override
    public void fold(Queries queries, PageRun run, AttentionState state) {
      if (wait) {
        inside.countDown();
        try {
          go.await();
        } catch (InterruptedException e) {
          throw new AssertionError(e);
        }
      }
      super.fold(queries, run, state);
    }
  }

  @Test
  void close_whileThreadsFold_waitsForThemAndEndsThem() throws InterruptedException {
    Waiting kernel = new Waiting();
    KvCache cache = builder(kernel, 3).build();
    KvSequence sequence = cache.open();
    feed(sequence, 200, 1);
    kernel.wait = true;
    AtomicInteger attended = new AtomicInteger();
    Thread attending =
        new Thread(
            () -> {
              feed(sequence, 40, 2);
              attended.incrementAndGet();
            });
    attending.start();
    kernel.inside.await();
    Thread closing = new Thread(cache::close);
    closing.start();
    closing.join(50);
    assertTrue(closing.isAlive(), "close waits for the call under way");
    kernel.go.countDown();
    attending.join();
    closing.join();
    assertEquals(1, attended.get());
    assertThrows(ClosedException.class, sequence::length);
    assertFalse(
        Thread.getAllStackTraces().keySet().stream()
            .anyMatch(thread -> thread.isAlive() && thread.getName().startsWith("kvarena-fold")),
        "the pool's threads have ended");
  }

  @Test
  void batch_ofManySequences_givesTheBitsOfEachAloneOnOneThread() {
    int sequences = 20;
    float[][] expected = new float[sequences][];
    try (KvCache cache = builder(new Uneven(), 1).build()) {
      for (int i = 0; i < sequences; i++) {
        try (KvSequence sequence = cache.open()) {
          feed(sequence, 30 + 7 * i, i);
          expected[i] = feed(sequence, 1, 1000 + i);
        }
      }
    }
    try (KvCache cache = builder(new Uneven(), 3).build()) {
      List<KvSequence> batch = new ArrayList<>();
      float[] queries = new float[64 * sequences];
      float[] out = new float[64 * sequences];
      for (int i = 0; i < sequences; i++) {
        KvSequence sequence = cache.open();
        feed(sequence, 30 + 7 * i, i);
        sequence.extend(1);
        sequence.append(0, random(32, 1000 + i), random(32, 1001 + i));
        MemorySegment.ofArray(queries).asSlice(4L * 64 * i, 4L * 64).copyFrom(random(64, 1002 + i));
        batch.add(sequence);
      }
      cache.attend(
          0,
          AttentionBatch.decode(batch, MemorySegment.ofArray(queries), MemorySegment.ofArray(out)));
      for (int i = 0; i < sequences; i++) {
        assertArrayEquals(expected[i], Arrays.copyOfRange(out, 64 * i, 64 * i + 64), "i=" + i);
      }
    }
  }

  /** Forks of one prompt in one batch, bits of everything. */
  private static int[] forks(KvCache cache, boolean batched) {
    int count = 6;
    float[] queries = new float[64 * count];
    float[] out = new float[64 * count];
    try (KvSequence root = cache.open()) {
      feed(root, 100, 1);
      List<KvSequence> forks = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        KvSequence fork = root.fork();
        fork.extend(1);
        fork.append(0, random(32, 1000 + i), random(32, 2000 + i));
        MemorySegment own = random(64, 3000 + i);
        MemorySegment.ofArray(queries).asSlice(4L * 64 * i, 4L * 64).copyFrom(own);
        if (!batched) {
          fork.attend(0, own, MemorySegment.ofArray(out).asSlice(4L * 64 * i, 4L * 64));
        }
        forks.add(fork);
      }
      if (batched) {
        cache.attend(
            0,
            AttentionBatch.decode(
                forks, MemorySegment.ofArray(queries), MemorySegment.ofArray(out)));
      }
      forks.forEach(KvSequence::close);
    }
    int[] bits = new int[out.length];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = Float.floatToRawIntBits(out[i]);
    }
    return bits;
  }

  @Test
  void batch_ofForks_readsThePagesOfTheirPrefixOnceOnAnyThreads() {
    for (int threads : new int[] {1, 3}) {
      try (KvCache cache = builder(new ScalarKernel(), threads).build()) {
        int[] expected = forks(cache, false);
        long start = cache.stats().sealedBytesRead();
        assertArrayEquals(expected, forks(cache, true), "threads=" + threads);
        long batch = cache.stats().sealedBytesRead() - start;
        start = cache.stats().sealedBytesRead();
        feed(cache.open(), 100, 1);
        // The prompt's own attention, and its 12 sealed pages: 6 splits of 2.
        long prompt = cache.stats().sealedBytesRead() - start;
        assertEquals(12 * cache.layout(0).pageBytes(), batch - prompt, "threads=" + threads);
      }
    }
  }

  /** Goes on from the rows of a shared state that belong to another sequence. */
  private static final class TakesTheFirstRows extends FoldJob {
    TakesTheFirstRows(HostCache cache) {
      super(cache);
    }

    @Override
    void begin(SharedRun run, FoldGroup group, AttentionState state, AttentionState rotated) {
      state.copy(run.state, 0, group.count);
    }
  }

  /** Leaves out what was folded for all. */
  private static final class ForgetsTheShared extends FoldJob {
    ForgetsTheShared(HostCache cache) {
      super(cache);
    }

    @Override
    void begin(SharedRun run, FoldGroup group, AttentionState state, AttentionState rotated) {
      state.reset(group.count, run.state.heads(), run.state.valueDim());
    }
  }

  @Test
  void batch_ofForksWithAJobThatSharesWrongly_isCaughtByItsBits() {
    List<Function<HostCache, FoldJob>> mistakes =
        List.of(TakesTheFirstRows::new, ForgetsTheShared::new);
    for (Function<HostCache, FoldJob> mistake : mistakes) {
      CacheBuilder builder = builder(new ScalarKernel(), 1);
      builder.jobs = mistake;
      try (KvCache cache = builder.build()) {
        assertFalse(Arrays.equals(forks(cache, false), forks(cache, true)));
      }
    }
  }
}
