package io.kvarena.memory;

import java.lang.foreign.MemorySegment;

/** Where a page lies: filled by {@link PageArena#find}, used again and again by one thread. */
public final class PagePlace {

  MemorySegment slab = MemorySegment.NULL;
  int slabNumber;
  long offset;

  /** The slab that holds the page. */
  public MemorySegment slab() {
    return slab;
  }

  /** The slab's number. */
  public int slabNumber() {
    return slabNumber;
  }

  /** Where the page begins in the slab, in bytes. */
  public long offset() {
    return offset;
  }
}
