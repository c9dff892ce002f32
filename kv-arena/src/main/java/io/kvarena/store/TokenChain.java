package io.kvarena.store;

import io.kvarena.OpenRequest;
import io.kvarena.tier.PageKey;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a sequence's chunks follow from: whose they are, the token ids so far, and how far they are
 * known to the index. A sequence whose keys and values depend on more than that, since something
 * was forgotten, moved or is read from codes that a fresh prompt would read raw, is tainted: what
 * comes behind is never published.
 */
final class TokenChain {

  /** What all keys of the chain begin with, and whose they are. */
  final PageKey root;

  final String tenant;
  private final List<OpenRequest.Extra> extras;
  private int[] tokens = new int[64];
  private int count;
  private int published;
  private @Nullable Chunk last;
  private boolean tainted;

  TokenChain(PageKey root, String tenant, List<OpenRequest.Extra> extras) {
    this.root = root;
    this.tenant = tenant;
    this.extras = extras;
  }

  /** A fork's. */
  TokenChain(TokenChain other) {
    root = other.root;
    tenant = other.tenant;
    extras = other.extras;
    tokens = other.tokens.clone();
    count = other.count;
    published = other.published;
    last = other.last;
    tainted = other.tainted;
  }

  void add(int[] ids, int length) {
    if (count + length > tokens.length) {
      tokens = Arrays.copyOf(tokens, 2 * (count + length));
    }
    System.arraycopy(ids, 0, tokens, count, length);
    count += length;
  }

  /** Forgets the ids from {@code length} on; chunks beyond it are as if not published by this. */
  void truncate(int length, int pageTokens) {
    count = Math.min(count, length);
    while (published > count / pageTokens) {
      published--;
      last = last == null ? null : last.parent;
    }
  }

  int count() {
    return count;
  }

  int token(int index) {
    return tokens[index];
  }

  /** Chunks that the index has had from this sequence or given to it. */
  int published() {
    return published;
  }

  void taint() {
    tainted = true;
  }

  boolean isTainted() {
    return tainted;
  }

  /** The chunk before the next one to be published, null if that is the first. */
  @Nullable Chunk last() {
    return last;
  }

  void published(Chunk chunk) {
    last = chunk;
    published++;
  }

  /** The key of the next chunk to be published. */
  PageKey nextKey(ChunkKeys keys, int pageTokens) {
    int from = published * pageTokens;
    return keys.chunk(before(), tokens, from, from + pageTokens, extras);
  }

  /** The key that the next one is chained to. */
  PageKey before() {
    Chunk chunk = last;
    return chunk == null ? root : chunk.key;
  }

  int[] nextTokens(int pageTokens) {
    int from = published * pageTokens;
    return Arrays.copyOfRange(tokens, from, from + pageTokens);
  }

  List<OpenRequest.Extra> extras() {
    return extras;
  }
}
