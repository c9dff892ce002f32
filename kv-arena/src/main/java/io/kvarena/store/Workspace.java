package io.kvarena.store;

import io.kvarena.attention.AttentionState;
import io.kvarena.attention.PageRun;
import io.kvarena.attention.Queries;
import io.kvarena.attention.RawTile;
import io.kvarena.attention.RowKernel;
import io.kvarena.format.Formats;
import io.kvarena.memory.PagePlace;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Scratch of one append, of one attend or of one thread that folds; borrowed, never allocated, on
 * the hot path.
 */
final class Workspace {

  /** The state of a group, and that of the split to be merged into it. */
  final AttentionState state = new AttentionState();

  final AttentionState part = new AttentionState();

  /** The same two for pages of rotated values. */
  final AttentionState rotated = new AttentionState();

  final AttentionState rotatedPart = new AttentionState();
  final CodedQueries coded = new CodedQueries();

  final Queries queries = new Queries();

  /** The memory in which the queries lie as they came, and the byte at which they start. */
  MemorySegment plain = MemorySegment.NULL;

  long plainOffset;

  /** What a query of a tree sees of its step, see FoldGroup. */
  int stepSlot;

  long seen;

  /** The lowest and the highest position that any of the queries sees. */
  int lowest;

  int highest;
  final PageRun run = new PageRun();
  final PagePlace place = new PagePlace();

  /** The sequences of a batch that are entered. */
  final ArrayList<HostSequence> entered = new ArrayList<>();

  /** Writes and rotates rows. */
  final RowKernel rows;

  final RawTile raw = new RawTile(Formats.F32);

  /** Rows of a granule and of a page of one head, [tokens][channels]. */
  float[] granuleRows = {};

  float[] pageRows = {};

  /** Cosines and sines of a turn. */
  float[] cosines = {};

  float[] sines = {};

  private final @Nullable StagedPages staged;
  private final Supplier<FoldJob> jobs;
  private @Nullable FoldJob job;
  private MemorySegment turned = MemorySegment.NULL;
  private MemorySegment keys = MemorySegment.NULL;
  private MemorySegment values = MemorySegment.NULL;

  Workspace(Supplier<FoldJob> jobs, RowKernel rows, @Nullable StagedPages staged) {
    this.staged = staged;
    this.jobs = jobs;
    this.rows = rows;
  }

  /** The keys of a step in native memory: as they are, or a copy with room behind. */
  MemorySegment keys(MemorySegment given) {
    if (given.isNative()) {
      return given;
    }
    return copy(given, keys(given.byteSize()));
  }

  /** Native room for the keys of a step. */
  MemorySegment keys(long bytes) {
    keys = room(keys, bytes);
    return keys;
  }

  /** The values of a step in native memory: as they are, or a copy with room behind. */
  MemorySegment values(MemorySegment given) {
    if (given.isNative()) {
      return given;
    }
    return copy(given, values(given.byteSize()));
  }

  /** Native room for the values of a step. */
  MemorySegment values(long bytes) {
    values = room(values, bytes);
    return values;
  }

  private static MemorySegment copy(MemorySegment from, MemorySegment to) {
    MemorySegment.copy(from, 0, to, 0, from.byteSize());
    return to;
  }

  private static MemorySegment room(MemorySegment held, long bytes) {
    return held.byteSize() >= bytes ? held : Arena.ofAuto().allocate(bytes, 64);
  }

  /** Pages that the run has in staging; null where there is no tier. */
  @Nullable StagedPages staged() {
    return staged;
  }

  /** The job of the attend that has borrowed this. */
  FoldJob job() {
    FoldJob made = job;
    if (made == null) {
      made = jobs.get();
      job = made;
    }
    return made;
  }

  /** Native room for the queries of a group, turned. */
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
        + part.bytes()
        + rotated.bytes()
        + rotatedPart.bytes()
        + coded.bytes()
        + queries.bounds().byteSize()
        + run.rows().byteSize()
        + turned.byteSize()
        + keys.byteSize()
        + values.byteSize()
        + rows.bytes()
        + (job == null ? 0 : job.bytes());
  }
}
