package io.kvarena.store;

import io.kvarena.attention.AttentionState;
import io.kvarena.attention.PageRun;
import io.kvarena.attention.Queries;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Scratch of one append or attend at a time; borrowed, never allocated, on the hot path. */
final class Workspace {

  final AttentionState state = new AttentionState();
  final Queries queries = new Queries();
  final PageRun run = new PageRun();

  /** Rows of a step, [tokens][channels]. */
  float[] keys = {};

  float[] values = {};

  /** Rows of a granule and of a page of one head. */
  float[] granuleRows = {};

  float[] pageRows = {};

  /** Cosines and sines of a turn. */
  float[] cosines = {};

  float[] sines = {};

  private MemorySegment plain = MemorySegment.NULL;
  private MemorySegment turned = MemorySegment.NULL;

  /** Native room for the queries of an attend. */
  MemorySegment plain(long bytes) {
    if (plain.byteSize() < bytes) {
      plain = Arena.ofAuto().allocate(bytes, 64);
    }
    return plain;
  }

  /** Native room for the same queries, turned. */
  MemorySegment turned(long bytes) {
    if (turned.byteSize() < bytes) {
      turned = Arena.ofAuto().allocate(bytes, 64);
    }
    return turned;
  }

  static float[] fit(float[] array, int length) {
    return array.length >= length ? array : new float[Math.max(length, 2 * array.length)];
  }

  /** Native bytes held. */
  long bytes() {
    return state.bytes()
        + queries.bounds().byteSize()
        + run.rows().byteSize()
        + plain.byteSize()
        + turned.byteSize();
  }
}
