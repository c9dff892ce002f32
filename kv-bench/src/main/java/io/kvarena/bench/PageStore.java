package io.kvarena.bench;

import java.lang.foreign.MemorySegment;
import java.util.List;

/** What keeps pages by number in a directory: the disk tier, and what it is compared with. */
interface PageStore extends AutoCloseable {

  /** Stores pages, [pages]; durable after {@link #sync}. */
  void store(List<Integer> ids, List<MemorySegment> pages) throws Exception;

  /** Makes all of them durable. */
  void sync() throws Exception;

  /** Loads pages into memory, [pages]. */
  void load(List<Integer> ids, List<MemorySegment> pages) throws Exception;

  @Override
  void close();

  /** Throws unless what came back has the length that was asked for. */
  static void check(long found, long wanted) {
    if (found != wanted) {
      throw new IllegalStateException("a page did not come back: bytes=" + found);
    }
  }
}
