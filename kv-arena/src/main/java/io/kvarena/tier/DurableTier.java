package io.kvarena.tier;

import java.util.Optional;
import java.util.SortedSet;

/**
 * A tier whose pages outlive the process. Beside pages it keeps small records by name: what a
 * session or a prefix is made of.
 */
public interface DurableTier extends Tier {

  /** Receives a page that a restart found. */
  @FunctionalInterface
  interface Found {
    /** A page of {@code bytes} bytes that have this checksum. */
    void page(PageKey key, byte[] about, long bytes, int crc32c);
  }

  /**
   * On return, all that was stored, freed, put or removed before the call survives a crash of the
   * process and of the machine. Throws TierException if that is not certain; what was not durable
   * before must then be taken as lost.
   */
  void sync();

  /** The pages that are there, in no order. */
  void pages(Found found);

  /**
   * Keeps a record, in place of one of the same name. Atomic: a crash leaves the old or the new.
   */
  void put(String name, byte[] content);

  /** A record; empty when there is none or its content is in doubt. */
  Optional<byte[]> record(String name);

  /** Names of all records. */
  SortedSet<String> records();

  /** Drops a record; a name that is not there is passed over. */
  void remove(String name);
}
