package io.kvarena;

/**
 * How a sequence is opened.
 *
 * @param expectedTokens tokens for which tables are sized at once; more are welcome, they make the
 *     tables grow
 */
public record OpenRequest(int expectedTokens) {

  /** Tables for 1,024 tokens to begin with. */
  public static final OpenRequest DEFAULT = new OpenRequest(1024);

  public OpenRequest {
    if (expectedTokens < 0) {
      throw new IllegalArgumentException(
          "expectedTokens is not negative: expectedTokens="
              + expectedTokens
              + "; it is a hint, 0 will do");
    }
  }
}
