package io.kvarena.memory;

import java.lang.foreign.MemorySegment;

/**
 * Room for the bytes of a page that no page has: one has left it and readers may still be looking
 * at it, or one is on its way there.
 *
 * @see PageArena#vacate
 * @see PageArena#room
 */
public final class PageRoom {

  final PagePool pool;
  final Superblock block;
  final int slot;

  PageRoom(PagePool pool, Superblock block, int slot) {
    this.pool = pool;
    this.block = block;
    this.slot = slot;
  }

  /** The bytes. */
  public MemorySegment bytes() {
    return block.slab.segment.asSlice(block.pageOffset(slot), pool.pageBytes());
  }
}
