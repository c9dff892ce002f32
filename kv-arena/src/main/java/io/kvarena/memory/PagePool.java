package io.kvarena.memory;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * The pages of one size in an arena, counted by reference and named by {@link PageId}.
 *
 * <p>All methods may be called from any thread. Pages come zeroed; a page whose last reference goes
 * is wiped before anyone else can have it.
 */
public final class PagePool {

  private final PageArena arena;
  private final long pageBytes;
  private final int pagesPerSuperblock;

  // Guarded by the arena's lock.
  final List<Superblock> withFree = new ArrayList<>();
  int superblocks;
  long used;

  /** Pages in use whose bytes are not in the arena. */
  long away;

  PagePool(PageArena arena, long pageBytes) {
    this.arena = arena;
    this.pageBytes = pageBytes;
    pagesPerSuperblock = (int) Math.min(1 << 20, arena.superblockBytes() / pageBytes);
  }

  /** Bytes of a page. */
  public long pageBytes() {
    return pageBytes;
  }

  int pagesPerSuperblock() {
    return pagesPerSuperblock;
  }

  /**
   * A new page with one reference, written by {@code writer} and immutable from then on; empty when
   * there is none. If the writer throws, the page is free again.
   */
  public Optional<PageId> fill(Consumer<MemorySegment> writer) {
    long page = acquire();
    if (page == PageId.NONE) {
      return Optional.empty();
    }
    boolean written = false;
    try {
      writer.accept(arena.slab(page).asSlice(arena.offset(page), pageBytes));
      written = true;
    } finally {
      if (!written) {
        release(page);
      }
    }
    return Optional.of(PageId.of(page));
  }

  /**
   * A zeroed page with one reference, by its packed name; {@link PageId#NONE} when there is none.
   */
  public long acquire() {
    return arena.acquire(this);
  }

  /** Takes another reference; false when the page is gone. */
  public boolean tryRetain(PageId page) {
    return tryRetain(page.packed());
  }

  /** Takes another reference by packed name; false when the page is gone. */
  public boolean tryRetain(long page) {
    return arena.map().knows(page) && arena.map().tryRetain(page);
  }

  /** Drops a reference; the last one frees the page. Throws ClosedException if it has gone. */
  public void release(PageId page) {
    release(page.packed());
  }

  /** Drops a reference by packed name. */
  public void release(long page) {
    arena.release(this, page);
  }

  /** References of a page, 0 if it is gone. */
  public int references(PageId page) {
    return arena.map().knows(page.packed()) ? arena.map().references(page.packed()) : 0;
  }

  /** The bytes of a page, read-only. Valid as long as a reference is held. */
  public MemorySegment view(PageId page) {
    arena.checkOwner(this, page.packed());
    return arena.slab(page.packed()).asSlice(arena.offset(page.packed()), pageBytes).asReadOnly();
  }

  /** Pages in use whose bytes are in the arena. */
  public long used() {
    return arena.locked(() -> used);
  }

  /** Pages in use whose bytes are not in the arena. */
  public long away() {
    return arena.locked(() -> away);
  }
}
