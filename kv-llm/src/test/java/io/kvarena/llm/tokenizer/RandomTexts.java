package io.kvarena.llm.tokenizer;

import java.util.SplittableRandom;

/** Texts of all scripts, with the runs of spaces, digits and signs on which tokenizers trip. */
final class RandomTexts {
  private static final String[] SNIPPETS = {
    " ",
    "  ",
    "\n",
    "\r\n",
    "\t",
    "the",
    "The",
    " said",
    "'s",
    "'LL",
    "don't",
    "1234",
    "7",
    "½",
    "!?",
    "...",
    "--",
    "naïve",
    "ß",
    "Ünï",
    "漢字",
    "かな",
    "한국",
    "🙂",
    "👩‍👩‍👧",
    "عربي",
    "हिन्दी",
    "\u00a0",
    "\u2028",
    "\u3000",
    "e\u0301",
    "\u0000",
    "\u007f",
    "\u2581",
    "<s>",
    "<0x41>",
    "|",
    "$+<=>^~"
  };

  private RandomTexts() {}

  static String next(SplittableRandom random) {
    StringBuilder text = new StringBuilder();
    int parts = random.nextInt(12);
    for (int i = 0; i < parts; i++) {
      if (random.nextInt(4) == 0) {
        text.appendCodePoint(codePoint(random));
      } else {
        text.append(SNIPPETS[random.nextInt(SNIPPETS.length)]);
      }
    }
    return text.toString();
  }

  /** Any character but halves of surrogate pairs, which no text in UTF-8 has. */
  private static int codePoint(SplittableRandom random) {
    int c;
    do {
      c = random.nextInt(Character.MAX_CODE_POINT + 1);
    } while (c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE);
    return c;
  }
}
