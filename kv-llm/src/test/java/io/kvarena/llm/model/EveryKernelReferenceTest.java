package io.kvarena.llm.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kvarena.KvCache;
import io.kvarena.KvSequence;
import io.kvarena.KvStats;
import io.kvarena.attention.AttentionKernel;
import io.kvarena.attention.KernelOffer;
import io.kvarena.attention.Kernels;
import io.kvarena.format.Formats;
import io.kvarena.format.PageFormat;
import io.kvarena.llm.Reference;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * The embedded model under every kernel of this machine, with an f32 cache and small and large
 * pages, against a forward pass in double precision with a cache that was never paged.
 */
class EveryKernelReferenceTest {

  /** Below this margin between the two best logits, f32 arithmetic may pick the other. */
  private static final double MARGIN_MIN = 2e-3;

  /** Logits of f32 arithmetic differ from those of double by less than this, and so do NLLs. */
  private static final double NLL_TOLERANCE = 1e-3;

  private static Reference reference;
  private static LanguageModel model;
  private static ExecutorService workers;

  @BeforeAll
  static void load() {
    reference = Reference.load();
    model = LanguageModel.embedded();
    workers = Executors.newFixedThreadPool(2);
  }

  @AfterAll
  static void close() throws InterruptedException {
    workers.shutdownNow();
    workers.awaitTermination(1, java.util.concurrent.TimeUnit.MINUTES);
    model.close();
  }

  @Test
  void kernels_onAMachineThatShouldHaveAll_areAllUsable() {
    for (KernelOffer offer : Kernels.offers()) {
      System.out.println(
          "figure: kernel "
              + offer.name()
              + (offer.usableKernel().isPresent() ? ": " : " NOT USABLE: ")
              + offer.reason());
    }
    List<String> usable = Kernels.usable().stream().map(AttentionKernel::name).toList();
    assertTrue(usable.containsAll(List.of("scalar", "vector")), usable.toString());
    if (Boolean.parseBoolean(System.getenv("CI"))) {
      assertTrue(usable.containsAll(List.of("opencl", "c-baseline")), usable.toString());
    }
  }

  @TestFactory
  Stream<DynamicTest> everyKernel_atPages8And32_agreesWithTheReference() {
    List<DynamicTest> tests = new ArrayList<>();
    for (int pageTokens : new int[] {8, 32}) {
      for (AttentionKernel kernel : Kernels.usable()) {
        Supplier<KvCache> caches =
            () ->
                KvCache.builder(model.shape())
                    .keys(Formats.F32)
                    .values(Formats.F32)
                    .pageTokens(pageTokens)
                    .kernel(kernel)
                    .threads(1) // the workers keep both cores busy
                    .maxBytes(64L << 20)
                    .slabBytes(4L << 20)
                    .build();
        String name = kernel.name() + " pages of " + pageTokens;
        add(tests, "greedy, " + name, () -> greedy(caches));
        add(tests, "nll, " + name, () -> nll(caches));
        add(tests, "passkeys, " + name, () -> passkeys(caches));
      }
    }
    return tests.stream();
  }

  /** Runs on the workers, so that both cores are busy; the dynamic test waits and reports. */
  private static void add(List<DynamicTest> tests, String name, Callable<String> check) {
    Future<String> running = workers.submit(check);
    tests.add(
        DynamicTest.dynamicTest(
            name, () -> System.out.println("figure: " + name + ": " + running.get())));
  }

  private static String greedy(Supplier<KvCache> caches) {
    int compared = 0;
    for (Reference.Greedy expected : reference.greedy()) {
      try (KvCache cache = caches.get();
          KvSequence sequence = cache.open()) {
        ForwardPass forward = new ForwardPass(model);
        int next = argmax(forward.forward(sequence, expected.promptIds()));
        for (int i = 0; i < expected.continuationIds().length; i++) {
          if (expected.margins()[i] < MARGIN_MIN) {
            break;
          }
          assertEquals(expected.continuationIds()[i], next, "token " + i);
          compared++;
          next = argmax(forward.forward(sequence, next));
        }
      }
    }
    return compared + " greedy tokens equal";
  }

  private static String nll(Supplier<KvCache> caches) {
    double[] worst = {0};
    for (Reference.Window window : reference.windows()) {
      try (KvCache cache = caches.get();
          KvSequence sequence = cache.open()) {
        int[] ids = window.ids();
        new ForwardPass(model)
            .forwardAll(
                sequence,
                ids,
                (index, logits) -> {
                  if (index + 1 < ids.length) {
                    double difference =
                        Math.abs(Score.nll(logits, ids[index + 1]) - window.nll()[index]);
                    worst[0] = Math.max(worst[0], difference);
                  }
                });
      }
    }
    assertTrue(worst[0] <= NLL_TOLERANCE, "worst NLL difference " + worst[0]);
    return "worst NLL difference %.1e".formatted(worst[0]);
  }

  private static String passkeys(Supplier<KvCache> caches) {
    int right = 0;
    for (Reference.Passkey passkey : reference.passkeys()) {
      try (KvCache cache = caches.get();
          KvSequence sequence = cache.open()) {
        ForwardPass forward = new ForwardPass(model);
        float[] logits = forward.forward(sequence, passkey.ids());
        boolean good = true;
        for (int id : passkey.answerIds()) {
          good &= argmax(logits) == id;
          logits = forward.forward(sequence, id);
        }
        right += good ? 1 : 0;
      }
    }
    assertEquals(reference.passkeys().size(), right);
    return right + " of " + reference.passkeys().size() + " passkeys";
  }

  @Test
  void perplexity_withAQuantisedCache_changesLittle() {
    double f32 = perplexity(Formats.F32, null);
    double[] sealedShare = new double[1];
    double q8 = perplexity(Formats.Q8_0, sealedShare);
    double change8 = q8 / f32 - 1;
    System.out.printf(
        "figure: perplexity, pages of 8: f32 %.4f, q8_0 %.4f (%+.3f %%), %.1f %% of the bytes read"
            + " from sealed pages%n",
        f32, q8, 100 * change8, 100 * sealedShare[0]);
    double q4 = perplexity(Formats.Q4_0, sealedShare);
    System.out.printf(
        "figure: perplexity, pages of 8: q4_0 %.4f (%+.3f %%), %.1f %% of the bytes read from"
            + " sealed pages%n",
        q4, 100 * (q4 / f32 - 1), 100 * sealedShare[0]);
    assertTrue(Math.abs(change8) < 0.005, "q8_0 changes perplexity by " + change8);
    assertTrue(sealedShare[0] >= 0.95, "sealed share " + sealedShare[0]);
  }

  private static double perplexity(PageFormat format, double[] sealedShare) {
    double nll = 0;
    int count = 0;
    long sealed = 0;
    long tail = 0;
    for (Reference.Window window : reference.windows()) {
      try (KvCache cache =
              KvCache.builder(model.shape())
                  .keys(format)
                  .values(format)
                  .pageTokens(8)
                  .maxBytes(64L << 20)
                  .slabBytes(16L << 20)
                  .build();
          KvSequence sequence = cache.open()) {
        int[] ids = window.ids();
        double[] sum = {0};
        new ForwardPass(model)
            .forwardAll(
                sequence,
                ids,
                (index, logits) ->
                    sum[0] += index + 1 < ids.length ? Score.nll(logits, ids[index + 1]) : 0);
        nll += sum[0];
        count += ids.length - 1;
        KvStats stats = cache.stats();
        sealed += stats.sealedBytesRead();
        tail += stats.tailBytesRead();
      }
    }
    if (sealedShare != null) {
      sealedShare[0] = (double) sealed / (sealed + tail);
    }
    return Math.exp(nll / count);
  }

  private static int argmax(float[] logits) {
    int best = 0;
    for (int i = 1; i < logits.length; i++) {
      if (logits[i] > logits[best]) {
        best = i;
      }
    }
    return best;
  }
}
