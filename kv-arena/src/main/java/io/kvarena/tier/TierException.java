package io.kvarena.tier;

import org.jspecify.annotations.Nullable;

/** A tier failed: the disk, the device or the way there. What it held before it still holds. */
public class TierException extends RuntimeException {
  private static final long serialVersionUID = 1;

  public TierException(String message) {
    super(message);
  }

  public TierException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
