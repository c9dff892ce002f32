package io.kvarena;

import java.util.List;

/**
 * How a sequence is opened: what its prompt is, so that what is cached of it need not be computed
 * again, and whose it is. Immutable.
 *
 * <p>Sequences of one tenant and one adapter share the pages of equal beginnings; nothing is ever
 * shared across tenants. Whoever wants all users to share opens for one tenant.
 */
public final class OpenRequest {

  /** Tables for 1,024 tokens to begin with, and nothing known of the prompt. */
  public static final OpenRequest DEFAULT = new OpenRequest(1024);

  /**
   * What the tokens at positions [from, to) stand for beside their ids, such as the hash of an
   * image.
   */
  public record Extra(int from, int to, String content) {
    public Extra {
      if (from < 0 || to <= from) {
        throw new IllegalArgumentException(
            "an extra belongs to tokens: from="
                + from
                + ", to="
                + to
                + "; give the positions of the tokens that stand for it");
      }
    }
  }

  private final int expectedTokens;
  private final int[] prompt;
  private final String tenant;
  private final String adapter;
  private final List<Extra> extras;

  private OpenRequest(
      int expectedTokens, int[] prompt, String tenant, String adapter, List<Extra> extras) {
    if (expectedTokens < 0) {
      throw new IllegalArgumentException(
          "expectedTokens is not negative: expectedTokens="
              + expectedTokens
              + "; it is a hint, 0 will do");
    }
    this.expectedTokens = expectedTokens;
    this.prompt = prompt;
    this.tenant = tenant;
    this.adapter = adapter;
    this.extras = List.copyOf(extras);
  }

  /**
   * A request of an empty sequence.
   *
   * @param expectedTokens tokens for which tables are sized at once; more are welcome, they make
   *     the tables grow
   */
  public OpenRequest(int expectedTokens) {
    this(expectedTokens, new int[0], "", "", List.of());
  }

  /**
   * A request of a sequence that will be fed these tokens first. It begins behind the longest part
   * of them that is cached, see {@link KvSequence#length}, with at least one left to feed.
   */
  public static OpenRequest of(int... prompt) {
    return new OpenRequest(prompt.length + 64, prompt.clone(), "", "", List.of());
  }

  /** This for a tenant; {@code ""} if not set. */
  public OpenRequest withTenant(String whose) {
    return new OpenRequest(expectedTokens, prompt, whose, adapter, extras);
  }

  /** This under what changes the model, such as the hash of a LoRA; {@code ""} if not set. */
  public OpenRequest withAdapter(String identity) {
    return new OpenRequest(expectedTokens, prompt, tenant, identity, extras);
  }

  /** This with what token ranges stand for, of the prompt and beyond. */
  public OpenRequest withExtras(List<Extra> ofRanges) {
    return new OpenRequest(expectedTokens, prompt, tenant, adapter, ofRanges);
  }

  /** Tokens for which tables are sized at once. */
  public int expectedTokens() {
    return expectedTokens;
  }

  /** A copy of the tokens that will be fed first; empty if they are not known. */
  public int[] prompt() {
    return prompt.clone();
  }

  /** Whose tokens they are. */
  public String tenant() {
    return tenant;
  }

  /** What changes the model. */
  public String adapter() {
    return adapter;
  }

  /** What token ranges stand for. */
  public List<Extra> extras() {
    return extras;
  }
}
