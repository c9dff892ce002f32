package io.kvarena.tier;

/** A page did not come back as it was stored, or not at all; it is treated as never seen. */
public final class CorruptPageException extends TierException {
  private static final long serialVersionUID = 1;

  public CorruptPageException(String message) {
    super(message);
  }
}
