package io.kvarena.policy;

/**
 * Sealed pages of one sequence that a placement policy names: those of the ordinals [from, to) in
 * one layer, or in all. Which of them are here, away or not sealed yet, the store knows.
 *
 * <p>Of the pages of a move, those of the oldest tokens go first and come back last.
 *
 * @param sequence id of the sequence; one that is not open is passed
 * @param layer the layer, or {@link #ALL}; one that is not there is passed
 * @param from first ordinal
 * @param to behind the last ordinal; there may be fewer pages
 */
public record Move(long sequence, int layer, int from, int to) {

  /** Every layer. */
  public static final int ALL = -1;

  public Move {
    if (layer < ALL || from < 0 || to < from) {
      throw new IllegalArgumentException(
          "a move is of a range of pages: sequence="
              + sequence
              + ", layer="
              + layer
              + ", from="
              + from
              + ", to="
              + to
              + "; give 0 <= from <= to, and a layer or Move.ALL");
    }
  }

  /** All pages of a sequence. */
  public static Move of(StoredSequence sequence) {
    return new Move(sequence.id(), ALL, 0, sequence.pages());
  }

  /** All pages of a sequence in one layer. */
  public static Move of(StoredSequence sequence, int layer) {
    return new Move(sequence.id(), layer, 0, sequence.pages());
  }
}
