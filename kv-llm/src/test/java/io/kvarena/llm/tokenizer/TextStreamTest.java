package io.kvarena.llm.tokenizer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kvarena.llm.model.LanguageModel;
import io.kvarena.llm.tokenizer.Tokenizer.Controls;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class TextStreamTest {
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
  void next_overManyTexts_joinsToTheWholeAndNeverShowsHalfACharacter() {
    SplittableRandom random = new SplittableRandom(11);
    for (int round = 0; round < 1_000; round++) {
      String text = RandomTexts.next(random).replace("\ufffd", "");
      int[] ids = tokenizer.encodePlain(text, Controls.AS_TEXT);
      TextStream stream = new TextStream(tokenizer);
      StringBuilder joined = new StringBuilder();
      for (int id : ids) {
        String piece = stream.next(id);
        assertFalse(piece.contains("\ufffd"), "half a character was shown");
        joined.append(piece);
      }
      assertEquals("", stream.end());
      assertEquals(tokenizer.decodeContinuation(ids), joined.toString());
    }
  }

  @Test
  void end_afterHalfACharacter_isTheReplacementCharacter() {
    TextStream stream = new TextStream(tokenizer);
    // byte tokens start at id 3: the first two of the three bytes of 漢
    assertEquals("", stream.next(3 + 0xe6));
    assertEquals("", stream.next(3 + 0xbc));
    assertEquals("\ufffd", stream.end());
    assertEquals("", stream.end());
  }

  @Test
  void next_afterAByteThatFitsNothing_goesOn() {
    TextStream stream = new TextStream(tokenizer);
    String shown = stream.next(3 + 0xff) + stream.next(3 + 'a');
    assertTrue(shown.endsWith("a"), shown);
  }
}
