package io.kvarena.attention.vector;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;

import io.kvarena.attention.PageRun;
import java.lang.foreign.MemorySegment;

/**
 * Has the pages' bytes brought into the cache before they are needed: there is no prefetch in Java,
 * so they are read. Many at once, because a load that waits for memory holds up what follows it,
 * but not the loads right behind it.
 */
final class Ahead {

  /** Bytes that are read together. */
  private static final long CHUNK = 32 << 10;

  /** Bytes of a cache line. */
  private static final int LINE = 64;

  /** What was read, as nothing is read for nothing. */
  private final int[] read = new int[1];

  /**
   * Tiles are gone over in the order in which they lie: the first of a chunk has the next chunk
   * read.
   *
   * @param at where in the page the tile starts
   * @param bytes bytes of the tile
   */
  void enter(PageRun run, int page, long at, long bytes) {
    long chunk = at / CHUNK;
    if (at > 0 && (at - bytes) / CHUNK == chunk) {
      return;
    }
    long pageBytes = run.layout().pageBytes();
    long from = (chunk + 1) * CHUNK;
    if (from < pageBytes) {
      read(run.slab(page), run.offset(page) + from, Math.min(CHUNK, pageBytes - from));
    } else if (page + 1 < run.size()) {
      read(run.slab(page + 1), run.offset(page + 1), Math.min(CHUNK, pageBytes));
    }
  }

  private void read(MemorySegment memory, long at, long bytes) {
    int sum = 0;
    for (int i = 0; i < (int) bytes; i += LINE) {
      sum += memory.get(JAVA_INT_UNALIGNED, at + i);
    }
    read[0] = sum;
  }
}
