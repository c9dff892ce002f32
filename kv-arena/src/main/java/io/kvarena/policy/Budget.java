package io.kvarena.policy;

/** What a sequence may keep: bytes of live tokens over all layers, metadata included. */
public record Budget(long bytes) {

  /** No limit. */
  public static final Budget UNLIMITED = new Budget(Long.MAX_VALUE);

  public Budget {
    if (bytes < 0) {
      throw new IllegalArgumentException(
          "a budget is not negative: bytes=" + bytes + "; use Budget.UNLIMITED for no limit");
    }
  }
}
