package io.kvarena;

import io.kvarena.attention.AttentionKernel;
import io.kvarena.format.PageLayout;
import io.kvarena.memory.PageArena;
import io.kvarena.store.CacheBuilder;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.SortedSet;

/**
 * The key-value cache of one model: native pages, the sequences that share them, and attention over
 * them where they lie. Safe for use from many threads; each sequence belongs to one at a time.
 */
public interface KvCache extends AutoCloseable {

  /** A cache for a model of this geometry. */
  static KvCacheBuilder builder(KvShape shape) {
    return new CacheBuilder(shape);
  }

  /** A new, empty sequence. */
  default KvSequence open() {
    return open(OpenRequest.DEFAULT);
  }

  /** A new, empty sequence. */
  KvSequence open(OpenRequest request);

  /**
   * Attention for several sequences in one layer; the same as {@link KvSequence#attend} for each,
   * bit for bit. Throws, before anything is computed, if one of them cannot be attended.
   */
  void attend(int layer, AttentionBatch batch);

  /** Names of the sequences that are kept in the durable tier; none without one. */
  SortedSet<String> sessionNames();

  /**
   * A sequence as it was kept, bit for bit: see {@link KvSequence#checkpoint}. Empty if there is
   * none of the name, or if it can no longer be had whole: then it is dropped and {@link
   * KvEvent.Lost} says why. Throws IllegalStateException if it was kept under another model or
   * other formats, OutOfPagesException if there is no room.
   */
  Optional<KvSequence> restore(String session);

  /** What the caller has kept with a session; empty if there is none of this cache's kind. */
  Optional<byte[]> note(String session);

  /**
   * Writes a session to a file, which {@link #importSession} takes in elsewhere; false if there is
   * none of the name.
   */
  boolean exportSession(String session, Path file) throws IOException;

  /**
   * Takes a session in from a file under a name, in place of what has it. Throws TierException if
   * the file is not whole, IllegalStateException if it is of another model or other formats; with
   * nothing changed.
   */
  void importSession(String session, Path file) throws IOException;

  /** Drops a session; a name that is not there is passed over. */
  void drop(String session);

  /** What would be found of a request's prompt, and why the rest would not. */
  Explanation explain(OpenRequest request);

  /**
   * Makes the prefixes durable that are cached now, as far as the durable tier has room: a cache
   * that is built on it later finds them. Without this it finds those that memory had no room for,
   * as far as they were written. Throws TierException if the tier fails.
   */
  void checkpoint();

  /**
   * Keeps what is cached of a request's prompt until {@link #unpin} is called as often; how many
   * tokens that is. What more of it comes later is not kept by this.
   */
  int pin(OpenRequest request);

  /** Takes a {@link #pin} back. */
  int unpin(OpenRequest request);

  /**
   * SHA-256 over all that must be the same for stored pages to mean the same: model, geometry,
   * RoPE, layouts, formats, transforms.
   */
  byte[] fingerprint();

  /** The geometry of the model. */
  KvShape shape();

  /** The layout of a layer's sealed pages. */
  PageLayout layout(int layer);

  /** The kernel that serves. */
  AttentionKernel kernel();

  /** The memory beneath. */
  PageArena arena();

  /** The store in numbers. */
  KvStats stats();

  /**
   * What is wrong with the store's books, a sentence each; empty when all is well. Every reference
   * is counted and every free byte read, so nothing else may use the cache meanwhile: for tests and
   * for doctors.
   */
  List<String> audit();

  /** Closes the open sequences, waiting for calls that are under way, and gives all memory back. */
  @Override
  void close();
}
