package io.kvarena.memory;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Where slabs come from: the place to plug in huge pages or a device's pinned memory. */
public interface SlabSource {

  /** Slabs start on this boundary. */
  long ALIGNMENT = 4096;

  /** Plain memory of the JVM, which needs no flag. */
  SlabSource JVM = (bytes, arena) -> arena.allocate(bytes, ALIGNMENT);

  /**
   * Native memory of exactly {@code bytes}, zeroed, 4096-aligned, usable from all threads and
   * released when {@code arena} closes; throws OutOfMemoryError when there is none.
   */
  MemorySegment allocate(long bytes, Arena arena);
}
