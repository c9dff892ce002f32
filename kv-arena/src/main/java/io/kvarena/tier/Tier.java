package io.kvarena.tier;

import java.util.Collection;
import java.util.List;

/**
 * A place besides the arena that keeps copies of sealed pages: a device, a disk.
 *
 * <p>All methods may be called from any thread and block; callers bring virtual threads. Never
 * wrong, may forget: what a tier returns is what was stored under that key, bit for bit, or an
 * exception.
 */
public interface Tier extends AutoCloseable {

  /** Name in figures and messages: {@code disk}, {@code device}. */
  String name();

  /** Limit of the bytes held. */
  long maxBytes();

  /** Bytes held, with all that is kept beside the pages. */
  long usedBytes();

  /**
   * Keeps copies of the pages; one stored under the same key before is replaced. Throws
   * TierFullException, or TierException when the world fails, with none of them stored and all that
   * was there still there.
   */
  void store(List<PageTransfer> batch);

  /**
   * Writes the pages into their segments. Throws CorruptPageException where one is not there or is
   * not what was stored: key, {@code about}, size and checksum are compared. The segments' content
   * is then undefined, the page in doubt is gone, the others are still there.
   */
  void load(List<PageTransfer> batch);

  /** Whether a page is there, as far as that is known without reading it. */
  boolean contains(PageKey key);

  /** Forgets pages; keys that are not there are passed over. */
  void free(Collection<PageKey> keys);

  /** Waits for calls under way and lets go of everything that is not durable. */
  @Override
  void close();
}
