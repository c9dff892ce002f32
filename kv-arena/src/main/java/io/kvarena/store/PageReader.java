package io.kvarena.store;

import io.kvarena.memory.PageArena;
import io.kvarena.memory.PagePlace;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Reads whole pages, on which the caller has references, while others may move them: it holds a
 * lease, so that what it has handed out stays as it is until it is closed.
 */
final class PageReader implements AutoCloseable {

  private static final int ALIGNMENT = 4096;

  private final PageArena arena;
  private final @Nullable Offload offload;
  private final int lease;
  private final PagePlace place = new PagePlace();

  /** Holds copies of pages that were away; closing one is dear, and most need none. */
  private @Nullable Arena copies;

  PageReader(HostCache cache) {
    arena = cache.arena();
    offload = cache.offload();
    lease = offload == null ? 0 : offload.leases().enter();
  }

  /** The bytes of a page that is in the arena; null if it is away. */
  @Nullable MemorySegment resident(long page) {
    return arena.find(page, place)
        ? place.slab().asSlice(place.offset(), arena.pageBytes(page)).asReadOnly()
        : null;
  }

  /** The bytes of a page, wherever they are; throws what the tier throws. */
  MemorySegment bytes(long page) {
    MemorySegment here = resident(page);
    if (here != null || offload == null) {
      return here == null ? arena.view(page) : here;
    }
    Arena holder = copies == null ? Arena.ofShared() : copies;
    copies = holder;
    MemorySegment copy = holder.allocate(arena.pageBytes(page), ALIGNMENT);
    offload.read(page, copy);
    return copy;
  }

  @Override
  public void close() {
    if (offload != null) {
      offload.leases().exit(lease);
    }
    if (copies != null) {
      copies.close();
    }
  }
}
