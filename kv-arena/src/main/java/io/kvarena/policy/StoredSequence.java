package io.kvarena.policy;

/**
 * An open sequence as a placement policy may see it: read-only, valid during the call. Counts of
 * pages are over all lanes of a layer, each page once.
 */
public interface StoredSequence {

  /** The sequence's id. */
  long id();

  /** Whether a step of this sequence is what room is wanted for. */
  boolean asks();

  /** The next position. */
  int length();

  /** Pages of the longest lane, the one that is not full counted: ordinals lie below. */
  int pages();

  /** Nanoseconds since it was attended; since it was opened, if it never was. */
  long idleNanos();

  /** Sealed pages of a layer whose bytes are in the arena. */
  int resident(int layer);

  /** Those of the {@link #resident} pages of which the tier has a copy, so that they go free. */
  int copied(int layer);

  /** The lowest ordinal of a layer that a query to come may read: more than 0 behind a window. */
  int firstRead(int layer);

  /** Those of the {@link #resident} pages with ordinals below {@link #firstRead}. */
  int unread(int layer);

  /** Sealed pages of a layer whose bytes are in the tier alone. */
  int away(int layer);
}
