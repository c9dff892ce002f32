package io.kvarena.llm.tokenizer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kvarena.llm.gguf.Gguf;
import io.kvarena.llm.gguf.GgufBuilder;
import io.kvarena.llm.gguf.GgufException;
import io.kvarena.llm.tokenizer.Tokenizer.Controls;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ByteLevelBpeTest {

  /** A vocabulary of all bytes, a few merges and the pieces they lead to. */
  private static GgufBuilder vocabulary(String pre, List<String> merges) {
    List<String> tokens = new ArrayList<>(SmallVocabularies.byteSpellings());
    merges.forEach(merge -> tokens.add(merge.replace(" ", "")));
    List<Integer> types = new ArrayList<>();
    tokens.forEach(token -> types.add(1));
    tokens.add("<|im_end|>");
    types.add(3);
    tokens.add("<tool>");
    types.add(4);
    return new GgufBuilder()
        .text("tokenizer.ggml.model", "gpt2")
        .text("tokenizer.ggml.pre", pre)
        .texts("tokenizer.ggml.tokens", tokens)
        .texts("tokenizer.ggml.merges", merges)
        .integers("tokenizer.ggml.token_type", types)
        .u32("tokenizer.ggml.eos_token_id", tokens.size() - 2);
  }

  private static Tokenizer tokenizer(String pre, String... merges) {
    return read(vocabulary(pre, List.of(merges)));
  }

  private static Tokenizer read(GgufBuilder builder) {
    return Tokenizer.read(Gguf.of(MemorySegment.ofArray(builder.build()), "test.gguf"));
  }

  private static String pieces(Tokenizer tokenizer, String text) {
    List<String> pieces = new ArrayList<>();
    for (int id : tokenizer.encodePlain(text, Controls.PARSE)) {
      pieces.add(tokenizer.vocabulary().pieces().get(id));
    }
    return String.join("|", pieces);
  }

  @Test
  void encode_mergesInOrder_notByLength() {
    // after "lo" comes "el", which leaves "he" nothing to join
    Tokenizer tokenizer = tokenizer("gpt-2", "l o", "e l", "h e", "lo w");
    assertEquals("h|el|lo", pieces(tokenizer, "hello"));
    assertEquals("low", pieces(tokenizer, "low"));
  }

  @Test
  void encode_spaces_areSpelledWithG() {
    Tokenizer tokenizer = tokenizer("gpt-2", "Ġ t", "h e", "Ġt he");
    assertEquals("a|Ġthe", pieces(tokenizer, "a the"));
    assertEquals("Ċ", pieces(tokenizer, "\n"));
  }

  @Test
  void encode_wordsAcrossACut_areNotJoined() {
    Tokenizer tokenizer = tokenizer("gpt-2", "a 1");
    assertEquals("a|1", pieces(tokenizer, "a1"));
  }

  @Test
  void encode_wholeWordInLlama3_needsNoMerge() {
    // "uvw" is a piece that no merges lead to
    List<String> merges = List.of("vw x", "uv w");
    assertEquals("uvw", pieces(read(vocabulary("llama-bpe", merges)), "uvw"));
    assertEquals("u|v|w", pieces(read(vocabulary("gpt-2", merges)), "uvw"));
    assertEquals("u|v|w|y", pieces(read(vocabulary("llama-bpe", merges)), "uvwy"));
  }

  @Test
  void encode_specialTokens_areParsedAndLeftOutOfText() {
    Tokenizer tokenizer = tokenizer("gpt-2");
    assertEquals("a|<|im_end|>|b", pieces(tokenizer, "a<|im_end|>b"));
    assertEquals("<tool>", pieces(tokenizer, "<tool>"));
    int[] ids = tokenizer.encode("a<|im_end|>b<tool>");
    assertEquals("ab<tool>", tokenizer.decode(ids));
    int end = tokenizer.vocabulary().ids().get("<|im_end|>");
    assertTrue(tokenizer.isEnd(end));
    int[] asText = tokenizer.encode("<|im_end|>", Controls.AS_TEXT);
    assertEquals(10, asText.length);
  }

  @ParameterizedTest
  @ValueSource(strings = {"gpt-2", "llama-bpe", "qwen2", "smollm", "default"})
  void decode_afterEncode_givesBackAnyText(String pre) {
    Tokenizer tokenizer = tokenizer(pre, "Ġ t", "h e", "Ġt he", "i n", "Ã ©", "1 2");
    SplittableRandom random = new SplittableRandom(5);
    for (int round = 0; round < 1_000; round++) {
      String text = RandomTexts.next(random);
      assertEquals(text, tokenizer.decode(tokenizer.encode(text, Controls.AS_TEXT)));
    }
  }

  @Test
  void encode_mergeToAMissingPiece_fallsBackToBytes() {
    // the merge is there, the piece it leads to is not
    GgufBuilder builder =
        new GgufBuilder()
            .text("tokenizer.ggml.model", "gpt2")
            .text("tokenizer.ggml.pre", "gpt-2")
            .texts("tokenizer.ggml.tokens", List.of("a", "b"))
            .texts("tokenizer.ggml.merges", List.of("a b"));
    assertEquals("a|b", pieces(read(builder), "ab"));
  }

  @Test
  void read_mergeOfThreeParts_isRefused() {
    GgufBuilder builder = vocabulary("gpt-2", List.of("a b c"));
    GgufException e = assertThrows(GgufException.class, () -> read(builder));
    assertEquals(
        "a merge is two parts with a space between: merge=a b c, index=0;"
            + " convert the model again with a current converter",
        e.getMessage());
  }
}
