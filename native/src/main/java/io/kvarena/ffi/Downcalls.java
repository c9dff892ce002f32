package io.kvarena.ffi;

/** What every call into C shares. */
final class Downcalls {

  private Downcalls() {}

  /** For what only a bug can throw: C functions throw nothing, and their handles match. */
  static RuntimeException unexpected(Throwable failed) {
    if (failed instanceof RuntimeException passed) {
      return passed;
    }
    if (failed instanceof Error error) {
      throw error;
    }
    return new IllegalStateException("a call into C failed", failed);
  }
}
