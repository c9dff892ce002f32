package io.kvarena.policy;

import io.kvarena.KvShape;

/** A sequence as a policy may see it: read-only, valid during the call. */
public interface SequenceView {

  /** The model's geometry. */
  KvShape shape();

  /** The next position. */
  int length();

  /** Live tokens of a layer, the most over its KV heads. */
  int cached(int layer);

  /** Whether some KV head of the layer still attends to {@code position}. */
  boolean isLive(int layer, int position);

  /** Bytes of the pages and granules that hold the layer's live tokens. */
  long bytes(int layer);
}
