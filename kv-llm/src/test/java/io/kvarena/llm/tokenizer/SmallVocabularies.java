package io.kvarena.llm.tokenizer;

import java.util.ArrayList;
import java.util.List;

/** Vocabularies just large enough for any text. */
public final class SmallVocabularies {
  private SmallVocabularies() {}

  /**
   * The spelling of each byte in byte-level BPE, [256]: GPT-2's table, written out from its rule.
   */
  public static List<String> byteSpellings() {
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

  /** Unknown, begin, end and the 256 byte tokens of SentencePiece. */
  public static List<String> sentencePieceBytes() {
    List<String> tokens = new ArrayList<>(List.of("<unk>", "<s>", "</s>"));
    for (int value = 0; value < 256; value++) {
      tokens.add(String.format("<0x%02X>", value));
    }
    return tokens;
  }
}
