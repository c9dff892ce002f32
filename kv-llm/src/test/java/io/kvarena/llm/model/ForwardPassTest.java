package io.kvarena.llm.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import io.kvarena.KvCache;
import io.kvarena.KvSequence;
import io.kvarena.OutOfPagesException;
import io.kvarena.fixtures.Figures;
import io.kvarena.format.Formats;
import io.kvarena.format.PageFormat;
import io.kvarena.llm.Reference;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ForwardPassTest {
  private static LanguageModel model;

  @BeforeAll
  static void load() {
    model = LanguageModel.embedded();
  }

  @AfterAll
  static void close() {
    model.close();
  }

  private static KvCache cache(String format) {
    PageFormat named = Formats.named(format);
    return KvCache.builder(model.shape()).keys(named).values(named).pageTokens(8).build();
  }

  private static int[] text(int tokens) {
    return Arrays.copyOf(Reference.load().windows().get(0).ids(), tokens);
  }

  private static List<float[]> logits(KvCache cache, ForwardPass pass, int[] ids, int perCall) {
    List<float[]> logits = new ArrayList<>();
    try (KvSequence sequence = cache.open()) {
      for (int from = 0; from < ids.length; from += perCall) {
        int[] part = Arrays.copyOfRange(ids, from, Math.min(ids.length, from + perCall));
        pass.forwardAll(sequence, part, (index, row) -> logits.add(row.clone()));
      }
    }
    return logits;
  }

  @ParameterizedTest
  @ValueSource(strings = {"f32", "q8_0", "q4_0"})
  void logits_inChunksOfAnySize_areBitIdentical(String format) {
    int[] ids = text(600);
    try (KvCache cache = cache(format)) {
      List<float[]> whole = logits(cache, new ForwardPass(model, 512), ids, ids.length);
      for (int chunk : new int[] {1, 7, 32}) {
        List<float[]> cut = logits(cache, new ForwardPass(model, chunk), ids, ids.length);
        for (int t = 0; t < ids.length; t++) {
          assertArrayEquals(whole.get(t), cut.get(t), "chunk=" + chunk + ", token=" + t);
        }
      }
    }
  }

  @Test
  void forward_givesTheLastTokensLogits_ofForwardAll() {
    int[] ids = text(70);
    ForwardPass pass = new ForwardPass(model, 32);
    try (KvCache cache = cache("q8_0");
        KvSequence sequence = cache.open()) {
      float[] last = logits(cache, pass, ids, ids.length).getLast();
      assertArrayEquals(last, pass.forward(sequence, ids));
      assertEquals(70, sequence.length());
    }
  }

  @Test
  void forward_onAFork_goesOnFromTheSharedText() {
    int[] ids = text(100);
    ForwardPass pass = new ForwardPass(model);
    try (KvCache cache = cache("q8_0");
        KvSequence sequence = cache.open()) {
      pass.forward(sequence, Arrays.copyOf(ids, 90));
      float[] whole = logits(cache, pass, ids, ids.length).getLast();
      try (KvSequence fork = sequence.fork()) {
        float[] forked = pass.forward(fork, Arrays.copyOfRange(ids, 90, 100));
        assertArrayEquals(whole, forked);
      }
    }
  }

  @Test
  void forward_afterWarmUp_hardlyAllocates() {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    ForwardPass pass = new ForwardPass(model);
    int[] id = {265};
    try (KvCache cache = cache("q8_0");
        KvSequence sequence = cache.open()) {
      for (int i = 0; i < 600; i++) {
        pass.forward(sequence, id);
      }
      long before = threads.getCurrentThreadAllocatedBytes();
      int tokens = 400;
      for (int i = 0; i < tokens; i++) {
        pass.forward(sequence, id);
      }
      long perToken = (threads.getCurrentThreadAllocatedBytes() - before) / tokens;
      Figures.print("heap bytes for a decoded token: %d%n", perToken);
      // the array of one id that extend is given, and what code not yet compiled boxes
      assertTrue(perToken < 512, "bytes=" + perToken);
    }
  }

  @Test
  void forward_noTokens_isRefused() {
    ForwardPass pass = new ForwardPass(model);
    try (KvCache cache = cache("f16");
        KvSequence sequence = cache.open()) {
      IllegalArgumentException e =
          assertThrows(IllegalArgumentException.class, () -> pass.forward(sequence));
      assertEquals(
          "no tokens to process: tokens=0; give at least the token that begins a text",
          e.getMessage());
      e = assertThrows(IllegalArgumentException.class, () -> pass.forward(sequence, 1, 2048));
      assertEquals(
          "token id out of range: id=2048, vocabulary=2048; use ids of this model's tokenizer",
          e.getMessage());
      assertEquals(0, sequence.length());
    }
  }

  @Test
  void forward_cacheTooSmall_keepsTheChunksThatWentThrough() {
    ForwardPass pass = new ForwardPass(model, 64);
    try (KvCache cache =
            KvCache.builder(model.shape())
                .superblockBytes(64 << 10)
                .slabBytes(1 << 20)
                .maxBytes(1 << 20)
                .build();
        KvSequence sequence = cache.open()) {
      assertThrows(OutOfPagesException.class, () -> pass.forward(sequence, text(2000)));
      assertEquals(0, sequence.length() % 64);
      assertTrue(sequence.length() > 0 && sequence.length() < 2000);
    }
  }

  @Test
  void chunkTokens_ofZero_isRefused() {
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> new ForwardPass(model, 0));
    assertEquals(
        "chunkTokens must be positive: chunkTokens=0; 256 is a good choice", e.getMessage());
  }
}
