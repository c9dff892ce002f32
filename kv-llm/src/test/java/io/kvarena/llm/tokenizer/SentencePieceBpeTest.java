package io.kvarena.llm.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kvarena.llm.Reference;
import io.kvarena.llm.gguf.Gguf;
import io.kvarena.llm.gguf.GgufBuilder;
import io.kvarena.llm.gguf.GgufException;
import io.kvarena.llm.model.LanguageModel;
import io.kvarena.llm.tokenizer.Tokenizer.Controls;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class SentencePieceBpeTest {
  private static LanguageModel model;
  private static Tokenizer tokenizer;

  @BeforeAll
  static void load() {
    model = LanguageModel.embedded();
    tokenizer = model.tokenizer();
  }

  @AfterAll
  static void close() {
    model.close();
  }

  @Test
  void encode_referencePrompts_givesTheReferenceIds() {
    for (Reference.Greedy greedy : Reference.load().greedy()) {
      assertArrayEquals(greedy.promptIds(), tokenizer.encode(greedy.prompt()), greedy.prompt());
    }
  }

  @Test
  void encode_referenceTexts_givesBackTheirIds() {
    // Sampled texts need not be in the tokenizer's own cut, decoded text must come back all the
    // same.
    for (Reference.Window window : Reference.load().windows()) {
      String text = tokenizer.decode(window.ids());
      assertEquals(text, tokenizer.decode(tokenizer.encode(text)));
    }
  }

  @Test
  void decode_afterEncode_givesBackAnyText() {
    SplittableRandom random = new SplittableRandom(20260101);
    for (int round = 0; round < 2_000; round++) {
      // SentencePiece writes spaces as U+2581, so that sign alone comes back as a space
      String text = RandomTexts.next(random).replace('\u2581', '_');
      int[] ids = tokenizer.encode(text, Controls.AS_TEXT);
      assertEquals(text, tokenizer.decode(ids));
      assertEquals(1, ids[0], "begins with <s>");
    }
  }

  @Test
  void encode_digits_areOneTokenEach() {
    assertEquals(6, tokenizer.encodePlain("48291", Controls.AS_TEXT).length);
  }

  @Test
  void encode_emptyText_isTheBeginningAlone() {
    assertArrayEquals(new int[] {1}, tokenizer.encode(""));
    assertEquals("", tokenizer.decode(1));
  }

  @Test
  void encode_controlToken_isParsedOnlyWhereAsked() {
    int[] parsed = tokenizer.encodePlain("a</s>b", Controls.PARSE);
    int[] asText = tokenizer.encodePlain("a</s>b", Controls.AS_TEXT);
    assertTrue(contains(parsed, 2));
    assertFalse(contains(asText, 2));
    assertEquals("a</s>b", tokenizer.decode(asText));
    assertTrue(tokenizer.isEnd(2));
  }

  private static boolean contains(int[] ids, int wanted) {
    for (int id : ids) {
      if (id == wanted) {
        return true;
      }
    }
    return false;
  }

  @Test
  void decodeContinuation_keepsTheLeadingSpace() {
    int[] ids = tokenizer.encodePlain("river", Controls.AS_TEXT);
    assertEquals("river", tokenizer.decode(ids));
    assertEquals(" river", tokenizer.decodeContinuation(ids));
  }

  @Test
  void decode_idOutsideTheVocabulary_isRefused() {
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> tokenizer.decode(2048));
    assertEquals(
        "token id out of range: id=2048, vocabulary=2048; use ids of this model's tokenizer",
        e.getMessage());
  }

  @Test
  void encode_higherScore_isJoinedFirst() {
    // "abc": bc scores above ab, so a|bc although ab stands further left.
    Tokenizer small = small(List.of("a", "b", "c", "ab", "bc"), List.of(0f, 0f, 0f, -2f, -1f));
    assertEquals("a bc", pieces(small, "abc"));
  }

  @Test
  void encode_equalScores_areJoinedFromTheLeft() {
    Tokenizer small = small(List.of("a", "aa"), List.of(0f, -1f));
    assertEquals("aa aa a", pieces(small, "aaaaa"));
  }

  private static Tokenizer small(List<String> pieces, List<Float> scores) {
    List<String> tokens = new ArrayList<>(List.of("<unk>"));
    tokens.addAll(pieces);
    List<Float> all = new ArrayList<>(List.of(0f));
    all.addAll(scores);
    List<Integer> types = new ArrayList<>(List.of(2));
    pieces.forEach(piece -> types.add(1));
    return Tokenizer.read(
        gguf(
            new GgufBuilder()
                .text("tokenizer.ggml.model", "llama")
                .texts("tokenizer.ggml.tokens", tokens)
                .reals("tokenizer.ggml.scores", all)
                .integers("tokenizer.ggml.token_type", types)
                .u32("tokenizer.ggml.unknown_token_id", 0)
                .flag("tokenizer.ggml.add_space_prefix", false)));
  }

  private static Gguf gguf(GgufBuilder builder) {
    return Gguf.of(MemorySegment.ofArray(builder.build()), "test.gguf");
  }

  private static String pieces(Tokenizer tokenizer, String text) {
    List<String> pieces = new ArrayList<>();
    for (int id : tokenizer.encodePlain(text, Controls.AS_TEXT)) {
      pieces.add(tokenizer.vocabulary().pieces().get(id));
    }
    return String.join(" ", pieces);
  }

  @Test
  void encode_characterWithoutPieceOrBytes_isUnknown() {
    Tokenizer small = small(List.of("a"), List.of(0f));
    assertEquals("a <unk> a", pieces(small, "aßa"));
  }

  @Test
  void read_scoresThatDoNotFit_areRefused() {
    GgufBuilder builder =
        new GgufBuilder()
            .text("tokenizer.ggml.model", "llama")
            .texts("tokenizer.ggml.tokens", List.of("a", "b"))
            .reals("tokenizer.ggml.scores", List.of(0f));
    GgufException e = assertThrows(GgufException.class, () -> Tokenizer.read(gguf(builder)));
    assertEquals(
        "one score per token is needed: scores=1, tokens=2;"
            + " convert the model again with a current converter",
        e.getMessage());
  }

  @Test
  void read_unknownModel_isNamed() {
    GgufBuilder builder = new GgufBuilder().text("tokenizer.ggml.model", "t5");
    GgufException e = assertThrows(GgufException.class, () -> Tokenizer.read(gguf(builder)));
    assertEquals(
        "tokenizer not supported: file=test.gguf, tokenizer.ggml.model=t5;"
            + " use a model with a llama or gpt2 tokenizer",
        e.getMessage());
  }
}
