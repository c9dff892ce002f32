package io.kvarena.llm.model;

import io.kvarena.llm.gguf.Gguf;
import io.kvarena.llm.gguf.GgufException;

/**
 * The metadata of one architecture, whose keys share a prefix.
 *
 * @param gguf the file
 * @param prefix architecture and dot
 */
record Keys(Gguf gguf, String prefix) {

  String key(String name) {
    return prefix + name;
  }

  boolean has(String name) {
    return gguf.metadata().has(key(name));
  }

  String text(String name, String fallback) {
    return gguf.metadata().text(key(name), fallback);
  }

  int integer(String name, int min, int max) {
    return gguf.metadata().integer(key(name), min, max);
  }

  int integer(String name, int min, int max, int fallback) {
    return gguf.metadata().integer(key(name), min, max, fallback);
  }

  int[] integers(String name, int count, int min, int max) {
    return gguf.metadata().integers(key(name), count, min, max);
  }

  /** A number above zero. */
  float positive(String name, float fallback) {
    float value = (float) gguf.metadata().real(key(name), fallback);
    if (!(value > 0) || !Float.isFinite(value)) {
      throw new GgufException(
          "metadata value must be positive: file="
              + gguf.file()
              + ", key="
              + key(name)
              + ", value="
              + value
              + "; the file is damaged, fetch it again");
    }
    return value;
  }
}
