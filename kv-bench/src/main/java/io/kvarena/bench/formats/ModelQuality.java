package io.kvarena.bench.formats;

import io.kvarena.KvCache;
import io.kvarena.KvCacheBuilder;
import io.kvarena.KvSequence;
import io.kvarena.KvStats;
import io.kvarena.LayerShape;
import io.kvarena.llm.model.ForwardPass;
import io.kvarena.llm.model.LanguageModel;
import io.kvarena.llm.model.ReferenceTexts.Passkey;
import io.kvarena.llm.sampling.Sampler;
import io.kvarena.transform.Calibration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/** How well a model works on a cache: texts and pass keys, each in a cache of its own. */
final class ModelQuality implements AutoCloseable {

  /** Logits are compared at every so many tokens of a text. */
  private static final int KL_STRIDE = 4;

  /**
   * What came out.
   *
   * @param perplexity over all texts
   * @param logitKl mean divergence of the next token's distribution from the f32 cache's, in nats
   * @param passkeysRight pass keys told without a mistake
   * @param passkeys pass keys asked for
   * @param arenaBits bits of an element in the cache's sealed pages, as the arena counts them
   * @param transformBytes bytes of the transforms' numbers, once for a sequence or for the model
   * @param sealedShare bytes read from sealed pages over all bytes read
   */
  record Result(
      double perplexity,
      double logitKl,
      int passkeysRight,
      int passkeys,
      double arenaBits,
      long transformBytes,
      double sealedShare) {}

  private record Text(
      double nll,
      double divergence,
      int compared,
      double arenaBits,
      long transformBytes,
      long sealedRead,
      long tailRead) {}

  private final LanguageModel model;
  private final Calibration calibration;
  private final List<int[]> texts;
  private final List<Passkey> passkeys;
  private final ExecutorService workers;

  /** An f32 cache's logits of one token and the logarithm of the sum of their exponentials. */
  private record Reference(float[] logits, double logSum) {}

  /** [text][every so many tokens]; the first recipe fills it. */
  private final List<Reference[]> reference = new ArrayList<>();

  /** Takes texts and pass keys; both may be cut short by whoever wants to be quick. */
  ModelQuality(
      LanguageModel model, Calibration calibration, List<int[]> texts, List<Passkey> passkeys) {
    this.model = model;
    this.calibration = calibration;
    this.texts = texts;
    this.passkeys = passkeys;
    workers = Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors());
    for (int[] text : texts) {
      reference.add(new Reference[(text.length - 2) / KL_STRIDE + 1]);
    }
  }

  /** A cache that holds one text of this model. */
  static KvCacheBuilder sized(KvCacheBuilder builder) {
    return builder.maxBytes(64L << 20).slabBytes(16L << 20).threads(1);
  }

  /** Measures a recipe; the first one has to be f32, with which the others' logits compare. */
  Result measure(Recipe recipe) {
    List<Future<Text>> read = new ArrayList<>();
    for (int i = 0; i < texts.size(); i++) {
      int text = i;
      read.add(workers.submit(() -> read(recipe, text)));
    }
    List<Future<Boolean>> told = new ArrayList<>();
    for (Passkey passkey : passkeys) {
      Callable<Boolean> ask = () -> tells(recipe, passkey);
      told.add(workers.submit(ask));
    }
    double nll = 0;
    int scored = 0;
    double divergence = 0;
    int compared = 0;
    long sealed = 0;
    long tail = 0;
    @Nullable Text last = null;
    for (int i = 0; i < texts.size(); i++) {
      last = get(read.get(i));
      nll += last.nll();
      scored += texts.get(i).length - 1;
      divergence += last.divergence();
      compared += last.compared();
      sealed += last.sealedRead();
      tail += last.tailRead();
    }
    int right = 0;
    for (Future<Boolean> answer : told) {
      right += get(answer) ? 1 : 0;
    }
    if (last == null) {
      throw new IllegalStateException("no text to read: texts=0; give at least one");
    }
    return new Result(
        Math.exp(nll / scored),
        divergence / compared,
        right,
        passkeys.size(),
        last.arenaBits(),
        last.transformBytes(),
        sealed / (double) Math.max(1, sealed + tail));
  }

  private static <T> T get(Future<T> future) {
    try {
      return future.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while a text was read; run again", e);
    } catch (ExecutionException e) {
      throw new IllegalStateException("a text could not be read: cause=" + e.getMessage(), e);
    }
  }

  private KvCache cache(Recipe recipe) {
    return recipe.apply(sized(KvCache.builder(model.shape())), calibration).build();
  }

  private Text read(Recipe recipe, int index) {
    int[] ids = texts.get(index);
    Reference[] compare = reference.get(index);
    double[] nll = {0};
    double[] divergence = {0};
    int[] compared = {0};
    try (KvCache cache = cache(recipe);
        KvSequence sequence = cache.open()) {
      new ForwardPass(model)
          .forwardAll(
              sequence,
              ids,
              (token, logits) -> {
                if (token + 1 == ids.length) {
                  return;
                }
                double all = logSum(logits);
                nll[0] += all - logits[ids[token + 1]];
                if (token % KL_STRIDE == 0) {
                  int at = token / KL_STRIDE;
                  if (recipe.equals(Recipe.F32)) {
                    compare[at] = new Reference(logits.clone(), all);
                  }
                  divergence[0] += divergence(compare[at], logits, all);
                  compared[0]++;
                }
              });
      KvStats stats = cache.stats();
      return new Text(
          nll[0],
          divergence[0],
          compared[0],
          arenaBits(recipe, stats),
          stats.transformBytes(),
          stats.sealedBytesRead(),
          stats.tailBytesRead());
    }
  }

  /** Bits of sealed pages over their elements; all heads of a layer share a page. */
  private double arenaBits(Recipe recipe, KvStats stats) {
    LayerShape layer = model.shape().layer(0);
    double elements = (double) stats.sealedPages() * recipe.pageTokens() * layer.channelsPerToken();
    return elements == 0 ? 0 : 8 * stats.sealedBytes() / elements;
  }

  private static double logSum(float[] logits) {
    float max = Float.NEGATIVE_INFINITY;
    for (float logit : logits) {
      max = Math.max(max, logit);
    }
    double sum = 0;
    for (float logit : logits) {
      sum += Math.exp((double) logit - max);
    }
    return max + Math.log(sum);
  }

  /** Divergence of softmax(logits) from what the reference says. */
  private static double divergence(Reference reference, float[] logits, double logSum) {
    double sum = 0;
    for (int i = 0; i < logits.length; i++) {
      double log = reference.logits[i] - reference.logSum;
      sum += Math.exp(log) * (log - (logits[i] - logSum));
    }
    return sum;
  }

  private boolean tells(Recipe recipe, Passkey passkey) {
    try (KvCache cache = cache(recipe);
        KvSequence sequence = cache.open()) {
      ForwardPass pass = new ForwardPass(model);
      float[] logits = pass.forward(sequence, passkey.ids());
      for (int id : passkey.answer()) {
        if (Sampler.GREEDY.next(logits) != id) {
          return false;
        }
        logits = pass.forward(sequence, id);
      }
      return true;
    }
  }

  @Override
  public void close() {
    workers.shutdownNow();
  }
}
