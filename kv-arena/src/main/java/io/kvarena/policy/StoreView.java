package io.kvarena.policy;

import io.kvarena.KvShape;
import java.util.List;
import java.util.Optional;

/** A cache with a tier as a placement policy may see it: read-only, valid during the call. */
public interface StoreView {

  /** The model's geometry. */
  KvShape shape();

  /** Tokens in a page. */
  int pageTokens();

  /** Bytes of an encoded page of a layer. */
  long pageBytes(int layer);

  /** Limit of the bytes of pages and tails in the arena. */
  long maxBytes();

  /** Bytes of pages and tails in the arena, of all sequences and prefixes. */
  long usedBytes();

  /** Bytes a second at which the tier has stored so far; 0 if it was not tried. */
  double storeSpeed();

  /** Bytes a second at which the tier has loaded so far; 0 if it was not tried. */
  double loadSpeed();

  /**
   * The open sequences in the order of their ids: those that nobody is inside of, whose pages can
   * move, and the one that asks.
   */
  List<StoredSequence> sequences();

  /** The sequence whose step wants room; none between steps. */
  Optional<StoredSequence> asking();

  /** Bytes of a sequence's pages that are in the arena. */
  default long residentBytes(StoredSequence sequence) {
    long bytes = 0;
    for (int layer = 0; layer < shape().layerCount(); layer++) {
      bytes += sequence.resident(layer) * pageBytes(layer);
    }
    return bytes;
  }
}
