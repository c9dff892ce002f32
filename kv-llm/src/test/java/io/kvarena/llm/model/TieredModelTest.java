package io.kvarena.llm.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kvarena.KvCache;
import io.kvarena.KvCacheBuilder;
import io.kvarena.KvSequence;
import io.kvarena.KvStats;
import io.kvarena.OpenRequest;
import io.kvarena.fixtures.Figures;
import io.kvarena.format.Formats;
import io.kvarena.llm.Reference;
import io.kvarena.tier.disk.DiskTier;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The embedded model on a cache that is larger than its memory, and on one that was kept. */
class TieredModelTest {

  private static final int PROMPT = 1980;
  private static final int DECODED = 48;

  /** An eighth of what the keys and values of the context take as f16. */
  private static final long MEMORY = (PROMPT + DECODED) * 3072L / 8;

  @TempDir private Path directory;

  private static int[] ids() {
    return Arrays.copyOf(Reference.load().windows().get(0).ids(), PROMPT);
  }

  private static KvCacheBuilder builder(LanguageModel model) {
    return KvCache.builder(model.shape())
        .keys(Formats.F16)
        .values(Formats.F16)
        .model(model.identity())
        .threads(2);
  }

  private record Decoded(int[] tokens, List<float[]> logits) {}

  /** Feeds a prompt in chunks and takes the likeliest token again and again. */
  private static Decoded decode(LanguageModel model, KvSequence sequence, int[] ids, int chunk) {
    ForwardPass pass = new ForwardPass(model);
    float[] logits = {};
    for (int from = 0; from < ids.length; from += chunk) {
      int to = Math.min(ids.length, from + chunk);
      logits = pass.forward(sequence, Arrays.copyOfRange(ids, from, to));
    }
    int[] tokens = new int[DECODED];
    List<float[]> all = new ArrayList<>();
    for (int i = 0; i < DECODED; i++) {
      all.add(logits.clone());
      tokens[i] = likeliest(logits);
      logits = pass.forward(sequence, tokens[i]);
    }
    return new Decoded(tokens, all);
  }

  private static int likeliest(float[] logits) {
    int best = 0;
    for (int i = 1; i < logits.length; i++) {
      best = logits[i] > logits[best] ? i : best;
    }
    return best;
  }

  @Test
  void context_ofEightTimesTheMemory_decodesTheSameTokens() {
    try (LanguageModel model = LanguageModel.embedded()) {
      Decoded expected;
      try (KvCache cache = builder(model).build();
          KvSequence sequence = cache.open()) {
        expected = decode(model, sequence, ids(), 32);
      }
      try (DiskTier tier = DiskTier.at(directory).durable(false).open();
          KvCache cache = builder(model).maxBytes(MEMORY).tier(tier).build();
          KvSequence sequence = cache.open()) {
        Decoded found = decode(model, sequence, ids(), 32);
        assertArrayEquals(expected.tokens, found.tokens);
        for (int i = 0; i < DECODED; i++) {
          assertArrayEquals(expected.logits.get(i), found.logits.get(i), "logits of token " + i);
        }
        KvStats stats = cache.stats();
        long held = stats.kvBytes() + stats.offloadedBytes();
        Figures.print(
            "a context of %.1f times the memory: %d of %d tokens as in memory, %d MB read%n",
            held / (double) MEMORY, DECODED, DECODED, stats.tierBytesRead() >> 20);
        assertTrue(held >= 8 * MEMORY, held + " of " + MEMORY);
        assertTrue(stats.arena().slabBytes() <= MEMORY);
        assertEquals(List.of(), cache.audit());
      }
    }
  }

  @Test
  void session_ofTheModel_goesOnAfterARestartWithTheSameLogits() {
    try (LanguageModel model = LanguageModel.embedded()) {
      KvCacheBuilder builder = builder(model).prefixes(16L << 20);
      byte[] fingerprint = builder.fingerprint();
      Decoded expected;
      try (DiskTier tier = DiskTier.at(directory).fingerprint(fingerprint).open();
          KvCache cache = builder.durable(tier).build();
          KvSequence sequence = cache.open(OpenRequest.of(ids()))) {
        ForwardPass pass = new ForwardPass(model);
        pass.forward(sequence, Arrays.copyOf(ids(), PROMPT - 1));
        sequence.checkpoint("kept", new byte[0]);
        cache.checkpoint();
        expected = decode(model, sequence, new int[] {ids()[PROMPT - 1]}, 1);
      }
      try (DiskTier tier = DiskTier.at(directory).fingerprint(fingerprint).open();
          KvCache cache = builder.durable(tier).build()) {
        try (KvSequence sequence = cache.restore("kept").orElseThrow()) {
          assertEquals(PROMPT - 1, sequence.length());
          Decoded found = decode(model, sequence, new int[] {ids()[PROMPT - 1]}, 1);
          assertArrayEquals(expected.tokens, found.tokens);
          for (int i = 0; i < DECODED; i++) {
            assertArrayEquals(expected.logits.get(i), found.logits.get(i), "logits of token " + i);
          }
        }
        // The same context as somebody else's prompt.
        try (KvSequence sequence = cache.open(OpenRequest.of(ids()))) {
          assertEquals(1952, sequence.length());
          int[] rest = Arrays.copyOfRange(ids(), 1952, PROMPT);
          Decoded found = decode(model, sequence, rest, 7);
          assertArrayEquals(expected.tokens, found.tokens);
          assertArrayEquals(expected.logits.getLast(), found.logits.getLast());
        }
      }
    }
  }
}
