package io.kvarena.llm.cli;

import io.kvarena.KvCache;
import io.kvarena.KvSequence;
import io.kvarena.KvStats;
import io.kvarena.OpenRequest;
import io.kvarena.OutOfPagesException;
import io.kvarena.llm.model.ForwardPass;
import io.kvarena.llm.model.LanguageModel;
import io.kvarena.llm.sampling.Sampler;
import io.kvarena.llm.tokenizer.TextStream;
import java.util.Arrays;

/**
 * One prompt and what the model made of it.
 *
 * @param promptIds the prompt
 * @param found tokens that the sequence held before: of the prompt, or of an earlier turn
 * @param fed tokens of the prompt that went through the model
 * @param generatedIds the tokens that followed; their text, in full
 * @param promptNanos time for the prompt
 * @param decodeNanos time for the tokens after the first, each of which waits for the one before
 * @param attendNanos the part of decodeNanos that the cache spent on attention
 * @param decodeSealedBytes bytes of sealed pages read while decoding
 * @param decodeTailBytes bytes of raw tails read while decoding
 * @param kvTokens tokens cached at the end
 * @param stats the store at the end
 */
record Generation(
    int[] promptIds,
    int found,
    int fed,
    int[] generatedIds,
    String text,
    long promptNanos,
    long decodeNanos,
    long attendNanos,
    long decodeSealedBytes,
    long decodeTailBytes,
    int kvTokens,
    KvStats stats) {

  /** Watches a generation. */
  interface Listener {
    /** So many of the prompt's tokens are in the cache. */
    void prompting(int done, int total);

    /** The prompt is in the cache. */
    void prompted(int tokens, long nanos);

    /** More text; {@code count} tokens were generated in {@code nanos}. */
    void generated(String text, int count, long nanos);
  }

  /** Runs a prompt and up to {@code tokensMax} tokens after it through a sequence of its own. */
  static Generation run(
      LanguageModel model,
      KvCache cache,
      Sampler sampler,
      int[] promptIds,
      int tokensMax,
      Listener listener) {
    try (KvSequence sequence = cache.open(OpenRequest.of(promptIds))) {
      int from = sequence.length();
      return goOn(model, cache, sequence, sampler, promptIds, from, tokensMax, listener);
    }
  }

  /**
   * Feeds tokens to a sequence and lets the model go on, for up to {@code tokensMax} tokens. The
   * last of them is not fed.
   *
   * @param from the first of the prompt's tokens to be fed
   */
  static Generation goOn(
      LanguageModel model,
      KvCache cache,
      KvSequence sequence,
      Sampler sampler,
      int[] promptIds,
      int from,
      int tokensMax,
      Listener listener) {
    int found = sequence.length();
    ForwardPass pass = new ForwardPass(model);
    TextStream stream = new TextStream(model.tokenizer());
    StringBuilder text = new StringBuilder();
    int[] generated = new int[tokensMax];
    int count = 0;
    long start = System.nanoTime();
    float[] logits = prompt(pass, sequence, promptIds, from, listener);
    long promptEnd = System.nanoTime();
    KvStats before = cache.stats();
    long attendBefore = pass.attendNanos();
    listener.prompted(promptIds.length, promptEnd - start);
    long decodeStart = System.nanoTime();
    while (count < tokensMax) {
      int id = sampler.next(logits);
      if (model.tokenizer().isEnd(id)) {
        break;
      }
      generated[count++] = id;
      String piece = stream.next(id);
      text.append(piece);
      listener.generated(piece, count, System.nanoTime() - decodeStart);
      // the last token need not go through the model
      if (count < tokensMax) {
        logits = pass.forward(sequence, id);
      }
    }
    long decodeNanos = System.nanoTime() - decodeStart;
    String rest = stream.end();
    text.append(rest);
    listener.generated(rest, count, decodeNanos);
    KvStats after = cache.stats();
    return new Generation(
        promptIds,
        found,
        promptIds.length - from,
        Arrays.copyOf(generated, count),
        text.toString(),
        promptEnd - start,
        decodeNanos,
        pass.attendNanos() - attendBefore,
        after.sealedBytesRead() - before.sealedBytesRead(),
        after.tailBytesRead() - before.tailBytesRead(),
        sequence.length(),
        after);
  }

  /**
   * Feeds the prompt chunk by chunk, which changes no bit, and returns the last token's logits.
   * Where memory is short of what a chunk needs for a while, chunks become smaller.
   */
  private static float[] prompt(
      ForwardPass pass, KvSequence sequence, int[] ids, int first, Listener listener) {
    int chunk = ForwardPass.CHUNK_TOKENS_DEFAULT;
    float[] logits = {};
    for (int from = first; from < ids.length; ) {
      int to = Math.min(ids.length, from + chunk);
      try {
        logits = pass.forward(sequence, Arrays.copyOfRange(ids, from, to));
      } catch (OutOfPagesException full) {
        if (chunk == 1) {
          throw full;
        }
        chunk /= 2;
        continue;
      }
      listener.prompting(to, ids.length);
      from = to;
    }
    return logits;
  }

  /** Tokens a second while decoding. */
  double tokensPerSecond() {
    int steps = kvTokens - found - fed;
    return steps == 0 ? 0 : steps / (decodeNanos / 1e9);
  }

  /** Tokens a second of the prompt. */
  double promptTokensPerSecond() {
    return fed / (promptNanos / 1e9);
  }

  /** Gigabytes of keys and values read a second while the kernel was at work in decoding. */
  double gigabytesPerSecond() {
    return attendNanos == 0 ? 0 : (decodeSealedBytes + decodeTailBytes) / (double) attendNanos;
  }
}
