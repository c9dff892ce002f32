package io.kvarena.llm.tokenizer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** The cuts are those that follow, by hand, from the published patterns; _ stands for a space. */
class PreTokenizerTest {

  @ParameterizedTest(name = "{0}: {1}")
  @CsvSource(
      quoteCharacter = '"',
      value = {
        "gpt-2,Hello_world,Hello|_world",
        "gpt-2,don't_DON'T,don|'t|_DON|'|T",
        "gpt-2,a1234_56,a|1234|_56",
        "gpt-2,x___y,x|__|_y",
        "gpt-2,x__,x|__",
        "gpt-2,_(hi!)_,_(|hi|!)|_",
        "llama-bpe,don't_DON'T,don|'t|_DON|'T",
        "llama-bpe,a1234567,a|123|456|7",
        "llama-bpe,(hi)_there,(hi|)|_there",
        "llama-bpe,x___y,x|__|_y",
        "qwen2,a1234,a|1|2|3|4",
        "qwen2,It's_2024!!,It|'s|_|2|0|2|4|!!",
        "smollm,a1234_b,a|1|2|3|4|_b",
        "smollm,x_9,x|_|9",
        "default,a+b=1234,a|+|b|=|123|4",
        "default,Hello_world...,Hello|_world|...",
      })
  void split_byRule_cutsAsPublished(String rule, String text, String expected) {
    String cut = String.join("|", PreTokenizer.named(rule).split(text.replace('_', ' ')));
    assertEquals(expected, cut.replace(' ', '_'));
  }

  @Test
  void split_lineBreaksInLlama3_stayWithTheSignsBefore() {
    assertEquals(
        List.of("a", ".\n\n", "b", "\n", " c"), PreTokenizer.named("llama3").split("a.\n\nb\n c"));
  }

  @Test
  void split_unicodeSpaces_countAsSpaces() {
    // \s of the published patterns includes the no-break space, \s of Java's does not
    assertEquals(List.of("x", "\u00a0\u3000"), PreTokenizer.named("gpt-2").split("x\u00a0\u3000"));
  }

  @Test
  void named_unknownRule_fallsBackToGpt2() {
    assertEquals(PreTokenizer.GPT2, PreTokenizer.named("not-a-rule"));
  }

  @ParameterizedTest
  @EnumSource(PreTokenizer.class)
  void split_anyText_losesNothing(PreTokenizer rule) {
    SplittableRandom random = new SplittableRandom(3);
    for (int round = 0; round < 1_000; round++) {
      String text = RandomTexts.next(random);
      var pieces = rule.split(text);
      assertEquals(text, String.join("", pieces));
      assertFalse(!text.isEmpty() && pieces.contains(""));
    }
  }
}
