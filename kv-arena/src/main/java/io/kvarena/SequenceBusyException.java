package io.kvarena;

/** A sequence was used by a second thread while the first was inside it; nothing was changed. */
public final class SequenceBusyException extends IllegalStateException {
  private static final long serialVersionUID = 1;

  public SequenceBusyException(String message) {
    super(message);
  }
}
