package io.kvarena.tier;

/** A tier has no room for what is to be stored; nothing of it was stored. */
public final class TierFullException extends TierException {
  private static final long serialVersionUID = 1;

  public TierFullException(String message) {
    super(message);
  }
}
