package io.kvarena.bench;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.kvarena.KvCache;
import io.kvarena.KvSequence;
import io.kvarena.KvShape;
import io.kvarena.LayerShape;
import io.kvarena.OpenRequest;
import io.kvarena.Rope;
import io.kvarena.attention.ScalarKernel;
import io.kvarena.format.Formats;
import java.io.PrintStream;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicLong;

/**
 * How quickly a sequence is opened behind a prompt that is cached: hashes, comparisons of tokens,
 * references on pages and the block table, for one lane, so that it is the look-up that is timed.
 */
final class LookupBenchmark {

  private static final int PROMPT = 32_768;
  private static final int CHUNK = 256;
  private static final KvShape SHAPE = KvShape.uniform(1, LayerShape.of(1, 1, 8, Rope.NONE));
  private static final long NANOS = 1_000_000_000L;

  private LookupBenchmark() {}

  /** Measures and prints a line for each case; the rows for programs. */
  static JsonArray report(PrintStream progress, List<Integer> threads) {
    progress.printf("opening a sequence of a prompt of %d tokens, one layer, one head%n", PROMPT);
    progress.println("  page  prompt   threads       µs  M tokens/s");
    JsonArray array = new JsonArray();
    for (int pageTokens : new int[] {16, 32}) {
      try (KvCache cache = cache(pageTokens)) {
        int[] tokens = new SplittableRandom(1).ints(PROMPT, 0, 50_000).toArray();
        feed(cache, tokens);
        for (boolean cached : new boolean[] {true, false}) {
          OpenRequest request = OpenRequest.of(tokens).withTenant(cached ? "" : "nobody");
          for (int count : threads) {
            opened(cache, request, count, NANOS / 2);
            double perSecond = opened(cache, request, count, NANOS);
            progress.printf(
                Locale.ROOT,
                "  %4d  %-8s %7d %8.1f %11.0f%n",
                pageTokens,
                cached ? "cached" : "unknown",
                count,
                1e6 * count / perSecond,
                perSecond * PROMPT / 1e6);
            JsonObject object = new JsonObject();
            object.addProperty("pageTokens", pageTokens);
            object.addProperty("cached", cached);
            object.addProperty("threads", count);
            object.addProperty("tokensPerSecond", perSecond * PROMPT);
            array.add(object);
          }
        }
      }
    }
    return array;
  }

  private static KvCache cache(int pageTokens) {
    return KvCache.builder(SHAPE)
        .keys(Formats.Q8_0)
        .values(Formats.Q8_0)
        .pageTokens(pageTokens)
        .kernel(new ScalarKernel())
        .prefixes(256L << 20)
        .build();
  }

  private static void feed(KvCache cache, int[] tokens) {
    MemorySegment rows = MemorySegment.ofArray(new float[CHUNK * 8]);
    try (KvSequence sequence = cache.open()) {
      for (int at = 0; at < tokens.length; at += CHUNK) {
        sequence.extend(Arrays.copyOfRange(tokens, at, at + CHUNK));
        sequence.append(0, rows, rows);
      }
    }
  }

  /** Sequences opened in a second by all threads together. */
  private static double opened(KvCache cache, OpenRequest request, int threads, long nanos) {
    AtomicLong opened = new AtomicLong();
    long start = System.nanoTime();
    List<Thread> all = new ArrayList<>();
    for (int i = 0; i < threads; i++) {
      all.add(
          Thread.ofPlatform()
              .start(
                  () -> {
                    while (System.nanoTime() - start < nanos) {
                      cache.open(request).close();
                      opened.incrementAndGet();
                    }
                  }));
    }
    for (Thread thread : all) {
      try {
        thread.join();
      } catch (InterruptedException stop) {
        Thread.currentThread().interrupt();
      }
    }
    return opened.get() * 1e9 / (System.nanoTime() - start);
  }
}
