package io.kvarena.tier.disk;

import io.kvarena.tier.PageKey;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * A page or a record in its slot. The last five fields are guarded by the tier's lock.
 *
 * <p>A slot is given back when nobody reads it and no manifest that a restart could find lists it.
 */
final class Entry {
  final int kind;

  /** Zero for a record. */
  final PageKey key;

  final byte[] about;
  final long bytes;
  final int crc32c;
  final long generation;
  final PageFile file;
  final int slot;

  /** Checksum of the slot's header, by which a manifest lists it; set when it is encoded. */
  int mark;

  /** Loads under way. */
  int readers;

  /** A manifest that may have become durable lists it. */
  boolean listed;

  /** A durable manifest lists it. */
  boolean durable;

  /** Its slot may be used again as soon as nobody reads it. */
  boolean released;

  /** What it replaced, as long as a restart would find that instead. */
  @Nullable Entry before;

  Entry(
      int kind,
      PageKey key,
      byte[] about,
      long bytes,
      int crc32c,
      long generation,
      PageFile file,
      int slot) {
    this.kind = kind;
    this.key = key;
    this.about = about;
    this.bytes = bytes;
    this.crc32c = crc32c;
    this.generation = generation;
    this.file = file;
    this.slot = slot;
  }

  boolean isPage() {
    return kind == SlotDescriptor.PAGE;
  }

  /** A record's name. */
  String recordName() {
    return new String(about, StandardCharsets.UTF_8);
  }

  long offset() {
    return file.offset(slot);
  }

  /** For messages. */
  String what() {
    return isPage() ? "page" : "record";
  }
}
