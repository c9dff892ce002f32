package io.kvarena;

/**
 * The tokens of a step as a tree: each stands behind one before it in the step, or behind what was
 * cached before. A token sees what was cached before the step, its ancestors and itself.
 *
 * @param parents [tokens] index of each token's parent, −1 for what was cached before the step
 */
public record DraftTree(int... parents) {

  /** Most tokens of a tree. */
  public static final int TOKENS_MAX = 64;

  public DraftTree {
    if (parents.length < 1 || parents.length > TOKENS_MAX) {
      throw new IllegalArgumentException(
          "a draft tree has 1 to 64 tokens: tokens=" + parents.length + "; draft fewer");
    }
    parents = parents.clone();
    for (int i = 0; i < parents.length; i++) {
      if (parents[i] < -1 || parents[i] >= i) {
        throw new IllegalArgumentException(
            "a token's parent stands before it: token="
                + i
                + ", parent="
                + parents[i]
                + "; give an index below the token's, or -1");
      }
    }
  }

  /** The parents, [tokens]; a copy. */
  @Override
  public int[] parents() {
    return parents.clone();
  }

  /** Tokens of the tree. */
  public int tokens() {
    return parents.length;
  }

  /** Index of a token's parent, −1 if there is none in the tree. */
  public int parent(int token) {
    return parents[token];
  }

  /** Ancestors of a token in the tree: its position is that of the step plus this. */
  public int depth(int token) {
    return Long.bitCount(path(token)) - 1;
  }

  /** A token and its ancestors, as bits. */
  public long path(int token) {
    long path = 0;
    for (int at = token; at >= 0; at = parents[at]) {
      path |= 1L << at;
    }
    return path;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof DraftTree tree && java.util.Arrays.equals(parents, tree.parents);
  }

  @Override
  public int hashCode() {
    return java.util.Arrays.hashCode(parents);
  }

  @Override
  public String toString() {
    return "DraftTree" + java.util.Arrays.toString(parents);
  }
}
