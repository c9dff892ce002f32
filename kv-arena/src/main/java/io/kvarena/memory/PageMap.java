package io.kvarena.memory;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicLongArray;
import org.agrona.collections.IntArrayList;
import org.jspecify.annotations.Nullable;

/**
 * The one place that knows, for each logical page, its generation, how many references it has and
 * where it lies.
 *
 * <p>Generation and count share a word, {@code generation << 32 | references}, so that taking a
 * reference is one compare-and-set that fails for a page that is gone. Adding and freeing entries
 * happens under the arena's lock; everything else is lock-free.
 *
 * <p>A page whose bytes are not in the arena has no superblock. Who finds one reads bytes that were
 * complete before it was set.
 */
final class PageMap {

  private static final int CHUNK_BITS = 12;
  private static final int CHUNK = 1 << CHUNK_BITS;
  private static final VarHandle BLOCKS = MethodHandles.arrayElementVarHandle(Superblock[].class);

  /** {@value #CHUNK} entries. */
  private static final class Chunk {
    final AtomicLongArray state = new AtomicLongArray(CHUNK);
    final @Nullable Superblock[] blocks = new Superblock[CHUNK];
    final @Nullable PagePool[] pools = new PagePool[CHUNK];
    final int[] slots = new int[CHUNK];
    final boolean[] copied = new boolean[CHUNK];
    final int[] crcs = new int[CHUNK];
  }

  private volatile Chunk[] chunks = {};
  private final IntArrayList free = new IntArrayList();

  /** Names the page at {@code slot} of {@code block}, with one reference. */
  long add(PagePool pool, Superblock block, int slot) {
    if (free.isEmpty()) {
      grow();
    }
    int index = free.popInt();
    Chunk chunk = chunk(index);
    int at = index & (CHUNK - 1);
    chunk.pools[at] = pool;
    chunk.slots[at] = slot;
    BLOCKS.setRelease(chunk.blocks, at, block);
    int generation = (int) (chunk.state.get(at) >>> 32);
    chunk.state.set(at, (long) generation << 32 | 1);
    return PageId.pack(index, generation);
  }

  private void grow() {
    Chunk[] grown = java.util.Arrays.copyOf(chunks, chunks.length + 1);
    Chunk added = new Chunk();
    int first = chunks.length << CHUNK_BITS;
    for (int i = CHUNK - 1; i >= 0; i--) {
      added.state.set(i, 1L << 32);
      free.addInt(first + i);
    }
    grown[chunks.length] = added;
    chunks = grown;
  }

  private Chunk chunk(int index) {
    return chunks[index >>> CHUNK_BITS];
  }

  private static int at(long page) {
    return PageId.index(page) & (CHUNK - 1);
  }

  /** Whether the name was ever given out by this map. */
  boolean knows(long page) {
    int index = PageId.index(page);
    return page != PageId.NONE && index >= 0 && index >>> CHUNK_BITS < chunks.length;
  }

  /** References of the page, 0 if the name is out of date. */
  int references(long page) {
    long state = chunk(PageId.index(page)).state.get(at(page));
    return state >>> 32 == PageId.generation(page) ? (int) state : 0;
  }

  boolean tryRetain(long page) {
    AtomicLongArray states = chunk(PageId.index(page)).state;
    int at = at(page);
    while (true) {
      long state = states.get(at);
      if (state >>> 32 != PageId.generation(page) || (int) state == 0) {
        return false;
      }
      if (states.compareAndSet(at, state, state + 1)) {
        return true;
      }
    }
  }

  /**
   * Drops a reference. Returns how many are left, or -1 if the name was out of date. At 0 the name
   * is out of date from then on.
   */
  int release(long page) {
    AtomicLongArray states = chunk(PageId.index(page)).state;
    int at = at(page);
    while (true) {
      long state = states.get(at);
      if (state >>> 32 != PageId.generation(page) || (int) state == 0) {
        return -1;
      }
      int left = (int) state - 1;
      long next = left > 0 ? state - 1 : nextGeneration(state);
      if (states.compareAndSet(at, state, next)) {
        return left;
      }
    }
  }

  /** The state of the entry's next use: generations are positive and wrap. */
  private static long nextGeneration(long state) {
    int generation = (int) (state >>> 32);
    return (generation == Integer.MAX_VALUE ? 1L : generation + 1L) << 32;
  }

  /** Makes the entry of a page without references available again. */
  void free(long page) {
    Chunk chunk = chunk(PageId.index(page));
    chunk.blocks[at(page)] = null;
    chunk.pools[at(page)] = null;
    chunk.copied[at(page)] = false;
    free.addInt(PageId.index(page));
  }

  /** The superblock of a page whose name is not out of date; null if its bytes are elsewhere. */
  @Nullable Superblock blockOf(long page) {
    return (Superblock) BLOCKS.getAcquire(chunk(PageId.index(page)).blocks, at(page));
  }

  /** The superblock of a page whose name is not out of date and whose bytes are here. */
  Superblock block(long page) {
    Superblock block = blockOf(page);
    if (block == null) {
      throw new io.kvarena.ClosedException(
          "page is gone: page=" + PageId.of(page) + "; retain a page before using it");
    }
    return block;
  }

  /** The pool of a page whose name is not out of date. */
  @Nullable PagePool pool(long page) {
    return chunk(PageId.index(page)).pools[at(page)];
  }

  /** Whether a copy of the page is kept elsewhere. */
  boolean isCopied(long page) {
    return chunk(PageId.index(page)).copied[at(page)];
  }

  void copied(long page, int crc32c) {
    Chunk chunk = chunk(PageId.index(page));
    chunk.crcs[at(page)] = crc32c;
    chunk.copied[at(page)] = true;
  }

  int crc32c(long page) {
    return chunk(PageId.index(page)).crcs[at(page)];
  }

  /** Notes that the bytes of a page are no longer here. */
  void leave(long page) {
    BLOCKS.setRelease(chunk(PageId.index(page)).blocks, at(page), null);
  }

  /** Notes that the bytes of a page are here again, complete. */
  void come(long page, Superblock block, int slot) {
    Chunk chunk = chunk(PageId.index(page));
    chunk.slots[at(page)] = slot;
    BLOCKS.setRelease(chunk.blocks, at(page), block);
  }

  /** The page's slot in its superblock. */
  int slot(long page) {
    return chunk(PageId.index(page)).slots[at(page)];
  }

  /** Entries in use. */
  int used() {
    return (chunks.length << CHUNK_BITS) - free.size();
  }

  /** Heap bytes of the map. */
  long bytes() {
    return chunks.length * (long) CHUNK * (8 + 4 + 4 + 4 + 4 + 1);
  }
}
