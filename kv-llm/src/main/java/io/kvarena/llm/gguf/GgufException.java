package io.kvarena.llm.gguf;

import org.jspecify.annotations.Nullable;

/** A model file that cannot be read, or holds something this library does not run. */
public final class GgufException extends RuntimeException {
  private static final long serialVersionUID = 1;

  public GgufException(String message) {
    super(message);
  }

  public GgufException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
