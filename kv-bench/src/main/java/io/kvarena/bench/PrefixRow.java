package io.kvarena.bench;

/**
 * A decode step of a batch whose sequences have one prefix.
 *
 * @param kernel the kernel
 * @param format format of keys and values
 * @param prefix tokens of the prefix
 * @param sequences sequences of the batch, each with a token of its own
 * @param threads threads of the cache
 * @param apartMicroseconds median time where each sequence has pages of its own
 * @param sharedMicroseconds median time where the pages are the same
 */
record PrefixRow(
    String kernel,
    String format,
    int prefix,
    int sequences,
    int threads,
    double apartMicroseconds,
    double sharedMicroseconds) {

  /** How many times as quick sharing is. */
  double gain() {
    return apartMicroseconds / sharedMicroseconds;
  }
}
