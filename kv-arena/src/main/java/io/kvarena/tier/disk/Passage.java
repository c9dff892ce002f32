package io.kvarena.tier.disk;

import java.lang.foreign.MemorySegment;

/**
 * An entry and the memory that its content comes from or goes to.
 *
 * @param entry its slot
 * @param content its bytes, as many as the entry says
 */
record Passage(Entry entry, MemorySegment content) {

  PageFile file() {
    return entry.file;
  }

  int slot() {
    return entry.slot;
  }
}
