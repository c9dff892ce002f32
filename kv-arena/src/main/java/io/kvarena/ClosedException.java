package io.kvarena;

/** A handle was used after it was closed or released. */
public final class ClosedException extends IllegalStateException {
  private static final long serialVersionUID = 1;

  public ClosedException(String message) {
    super(message);
  }
}
