package io.kvarena;

/** Something the store did, told to listeners on the thread that did it, after it was done. */
public sealed interface KvEvent {

  /** The sequence that it happened to; 0 if it was none. */
  long sequence();

  /** A step was completed: {@code tokens} more, {@code length} now. */
  record Appended(long sequence, int tokens, int length) implements KvEvent {}

  /** A page was encoded: {@code page} counts the lane's pages. */
  record Sealed(long sequence, int layer, int lane, int page, long bytes) implements KvEvent {}

  /** A policy forgot {@code slots} slots and {@code pages} pages of a layer. */
  record Evicted(long sequence, int layer, int slots, int pages) implements KvEvent {}

  /** The sequence {@code child} was forked at {@code length}. */
  record Forked(long sequence, long child, int length) implements KvEvent {}

  /** A handle was dropped without close; its pages were freed. */
  record Leaked(long sequence, String openedAt) implements KvEvent {}

  /** A session that was kept can no longer be had and was dropped. */
  record Lost(String session, String why) implements KvEvent {
    @Override
    public long sequence() {
      return 0;
    }
  }

  /** Receives events; must return soon and must not call back into the sequence. */
  @FunctionalInterface
  interface Listener {
    void on(KvEvent event);
  }
}
