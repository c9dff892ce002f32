package io.kvarena;

/** No room for a step: the sequence is as it was before the call. */
public final class OutOfPagesException extends RuntimeException {
  private static final long serialVersionUID = 1;

  public OutOfPagesException(String message) {
    super(message);
  }
}
