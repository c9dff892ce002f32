package io.kvarena;

/** Which earlier tokens a layer may attend to. */
public sealed interface LayerKind {

  /** Every token up to and including the query's own. */
  record Full() implements LayerKind {}

  /** The last {@code window} positions, the query's own included. */
  record Sliding(int window) implements LayerKind {
    public Sliding {
      if (window < 1) {
        throw new IllegalArgumentException(
            "a sliding window needs at least one position: window="
                + window
                + "; use LayerKind.Full for no window");
      }
    }
  }

  /** Every earlier token. */
  LayerKind FULL = new Full();

  /** The lowest position that a query at {@code position} sees. */
  default int lowestVisible(int position) {
    return switch (this) {
      case Full full -> 0;
      case Sliding sliding -> Math.max(0, position - sliding.window() + 1);
    };
  }
}
