package io.kvarena.llm.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.kvarena.KvCache;
import io.kvarena.KvSequence;
import io.kvarena.attention.AttentionKernel;
import io.kvarena.attention.Kernels;
import io.kvarena.format.Formats;
import io.kvarena.llm.Reference;
import io.kvarena.llm.sampling.Sampler;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * With an f32 cache the embedded model says what its float64 reference says, under every kernel
 * that this machine can use and with small and large pages.
 */
class ReferenceTest {
  /** Where the two likeliest tokens are closer than this, f32 arithmetic may swap them. */
  private static final double MARGIN = 2e-3;

  /** The card's logits were checked to this by three implementations. */
  private static final double NLL_TOLERANCE = 1e-3;

  private static final Reference REFERENCE = Reference.load();
  private static LanguageModel model;
  private static ExecutorService threads;

  @BeforeAll
  static void load() {
    model = LanguageModel.embedded();
    threads = Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors());
  }

  @AfterAll
  static void close() {
    threads.close();
    model.close();
  }

  static Stream<Arguments> kernelsAndPages() {
    return Kernels.usable().stream()
        .flatMap(
            kernel -> Stream.of(8, 32).map(tokens -> Arguments.of(kernel.name(), kernel, tokens)));
  }

  private static KvCache f32Cache(AttentionKernel kernel, int pageTokens) {
    return KvCache.builder(model.shape())
        .keys(Formats.F32)
        .values(Formats.F32)
        .pageTokens(pageTokens)
        .kernel(kernel)
        .build();
  }

  /** One piece of work with a sequence and scratch of its own. */
  private interface Work<T> {
    T run(ForwardPass pass, KvSequence sequence);
  }

  /** Runs the work over the items on all processors and returns the results in order. */
  private static <I, T> List<T> all(KvCache cache, List<I> items, Function<I, Work<T>> work)
      throws Exception {
    List<Callable<T>> calls = new ArrayList<>();
    for (I item : items) {
      calls.add(
          () -> {
            try (KvSequence sequence = cache.open()) {
              return work.apply(item).run(new ForwardPass(model), sequence);
            }
          });
    }
    List<T> results = new ArrayList<>();
    for (Future<T> future : threads.invokeAll(calls)) {
      results.add(future.get());
    }
    return results;
  }

  @ParameterizedTest(name = "{0}, pages of {2}")
  @MethodSource("kernelsAndPages")
  void greedyTokens_equalTheReference(String name, AttentionKernel kernel, int pageTokens)
      throws Exception {
    try (KvCache cache = f32Cache(kernel, pageTokens)) {
      List<int[]> found =
          all(
              cache,
              REFERENCE.greedy(),
              greedy ->
                  (pass, sequence) -> {
                    int[] ids = new int[sure(greedy)];
                    float[] logits = pass.forward(sequence, greedy.promptIds());
                    for (int i = 0; i < ids.length; i++) {
                      ids[i] = Sampler.GREEDY.next(logits);
                      logits = pass.forward(sequence, ids[i]);
                    }
                    return ids;
                  });
      int compared = 0;
      for (int i = 0; i < found.size(); i++) {
        Reference.Greedy greedy = REFERENCE.greedy().get(i);
        int[] expected = Arrays.copyOf(greedy.continuationIds(), sure(greedy));
        assertArrayEquals(expected, found.get(i), greedy.prompt());
        compared += expected.length;
      }
      System.out.printf(
          "%s, pages of %d: %d greedy tokens equal the reference%n", name, pageTokens, compared);
    }
  }

  /** How many tokens come before the first that is nearly a draw. */
  private static int sure(Reference.Greedy greedy) {
    int sure = 0;
    while (sure < greedy.margins().length && greedy.margins()[sure] >= MARGIN) {
      sure++;
    }
    return sure;
  }

  @ParameterizedTest(name = "{0}, pages of {2}")
  @MethodSource("kernelsAndPages")
  void tokenNlls_equalTheReference(String name, AttentionKernel kernel, int pageTokens)
      throws Exception {
    try (KvCache cache = f32Cache(kernel, pageTokens)) {
      List<Double> errors =
          all(
              cache,
              REFERENCE.windows(),
              window ->
                  (pass, sequence) -> {
                    double[] worst = new double[1];
                    pass.forwardAll(
                        sequence,
                        window.ids(),
                        (index, logits) -> {
                          if (index < window.nll().length) {
                            double nll = Score.nll(logits, window.ids()[index + 1]);
                            worst[0] = Math.max(worst[0], Math.abs(nll - window.nll()[index]));
                          }
                        });
                    return worst[0];
                  });
      double worst = errors.stream().mapToDouble(error -> error).max().orElseThrow();
      assertEquals(0, worst, NLL_TOLERANCE);
      System.out.printf(
          "%s, pages of %d: token NLLs differ from the reference by at most %.1e%n",
          name, pageTokens, worst);
    }
  }

  @ParameterizedTest(name = "{0}, pages of {2}")
  @MethodSource("kernelsAndPages")
  void passkeys_areAllRight(String name, AttentionKernel kernel, int pageTokens) throws Exception {
    try (KvCache cache = f32Cache(kernel, pageTokens)) {
      List<Boolean> right =
          all(
              cache,
              REFERENCE.passkeys(),
              passkey ->
                  (pass, sequence) -> {
                    float[] logits = pass.forward(sequence, passkey.ids());
                    boolean same = true;
                    for (int id : passkey.answerIds()) {
                      same &= Sampler.GREEDY.next(logits) == id;
                      logits = pass.forward(sequence, id);
                    }
                    return same;
                  });
      long count = right.stream().filter(same -> same).count();
      assertEquals(REFERENCE.passkeys().size(), count, "passkeys right");
      System.out.printf("%s, pages of %d: %d passkeys right%n", name, pageTokens, count);
    }
  }
}
