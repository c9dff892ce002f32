package io.kvarena.llm.tokenizer;

import io.kvarena.llm.gguf.GgufException;

/** What a vocabulary entry is for. */
public enum TokenType {
  /** Text. */
  NORMAL(1),
  /** Stands for what the vocabulary cannot say. */
  UNKNOWN(2),
  /** Steers the model and is no text: beginning, end, roles. */
  CONTROL(3),
  /** Text that is always one token. */
  USER_DEFINED(4),
  /** Left unused by the trainer; text like any other. */
  UNUSED(5),
  /** One byte, for text that no other entry covers. */
  BYTE(6);

  private final int id;

  TokenType(int id) {
    this.id = id;
  }

  static TokenType of(int id) {
    for (TokenType type : values()) {
      if (type.id == id) {
        return type;
      }
    }
    throw new GgufException(
        "unknown token type: type="
            + id
            + ", min=1, max=6; convert the model again with a current converter");
  }
}
