package io.kvarena.llm.tokenizer;

import java.util.ArrayList;
import java.util.List;

/** A vocabulary just large enough for any text. */
final class SmallVocabularies {
  private SmallVocabularies() {}

  /**
   * The spelling of each byte in byte-level BPE, [256]: GPT-2's table, written out from its rule.
   */
  static List<String> byteSpellings() {
    List<String> spellings = new ArrayList<>();
    int shifted = 0;
    for (int value = 0; value < 256; value++) {
      boolean self =
          (value >= 33 && value <= 126)
              || (value >= 161 && value <= 172)
              || (value >= 174 && value <= 255);
      spellings.add(String.valueOf((char) (self ? value : 256 + shifted++)));
    }
    return spellings;
  }
}
