package io.kvarena.store;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import io.kvarena.attention.AttentionState;
import io.kvarena.attention.Queries;
import io.kvarena.attention.RowKernel;
import io.kvarena.transform.TransformInstance;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The queries of a group transformed as the keys of encoded pages are, and their biases. Made once
 * for the splits of a group that one thread folds.
 */
final class CodedQueries {

  private MemorySegment memory = MemorySegment.NULL;
  private float[] rows = {};
  private float[] biases = {};
  private float[] before = {};
  private float[] maxima = {};
  private long group = -1;
  private int delta;

  /** Whether these are the queries of {@code group} for pages that moved by {@code delta}. */
  boolean are(long group, int delta) {
    return this.group == group && this.delta == delta;
  }

  /**
   * Transforms the queries at which {@code queries} points.
   *
   * @param instances of the lane's KV heads
   * @param perHead query heads of a KV head
   * @param kernel does it
   */
  void make(
      Queries queries,
      TransformInstance[] instances,
      int perHead,
      RowKernel kernel,
      long group,
      int delta) {
    this.group = -1;
    int keyDim = queries.keyDim();
    int heads = instances.length * perHead;
    int stateRows = queries.tokens() * heads;
    long bytes = 4L * queries.tokens() * queries.heads() * keyDim;
    if (memory.byteSize() < bytes) {
      memory = Arena.ofAuto().allocate(bytes, 64);
    }
    biases = Workspace.fit(biases, stateRows);
    before = Workspace.fit(before, stateRows);
    maxima = Workspace.fit(maxima, stateRows);
    for (int token = 0; token < queries.tokens(); token++) {
      long from = queries.rowOffset(token, queries.firstHead());
      long to = from - queries.offset();
      MemorySegment.copy(queries.data(), from, memory, to, 4L * heads * keyDim);
      if (instances[0].isCentred()) {
        bias(queries, instances, perHead, token, from);
      }
      // Heads under one instance are transformed together.
      for (int first = 0; first < instances.length; ) {
        int end = first + 1;
        while (end < instances.length && instances[end] == instances[first]) {
          end++;
        }
        long at = to + 4L * first * perHead * keyDim;
        kernel.query(instances[first], memory, at, (end - first) * perHead);
        first = end;
      }
    }
    this.group = group;
    this.delta = delta;
  }

  private void bias(
      Queries queries, TransformInstance[] instances, int perHead, int token, long from) {
    int keyDim = queries.keyDim();
    int heads = instances.length * perHead;
    rows = Workspace.fit(rows, heads * keyDim);
    MemorySegment.copy(queries.data(), JAVA_FLOAT_UNALIGNED, from, rows, 0, heads * keyDim);
    for (int head = 0; head < heads; head++) {
      float bias = instances[head / perHead].bias(rows, head * keyDim);
      biases[token * heads + head] = queries.scale() * bias;
    }
  }

  /** Points {@code queries} at them. */
  void point(Queries queries) {
    queries.data(memory, 0);
  }

  /** Takes the biases off the maxima of a state, which then counts in the run's own logits. */
  void lower(AttentionState state) {
    int rows = state.rows();
    MemorySegment.copy(state.segment(), JAVA_FLOAT, 4 * state.maxIndex(0), before, 0, rows);
    for (int row = 0; row < rows; row++) {
      maxima[row] = lowered(row);
    }
    MemorySegment.copy(maxima, 0, state.segment(), JAVA_FLOAT, 4 * state.maxIndex(0), rows);
  }

  private float lowered(int row) {
    float max = before[row];
    return max == AttentionState.NOTHING_SEEN ? max : max - biases[row];
  }

  /** Undoes {@link #lower} after the fold; a row whose maximum stood gets it back to the bit. */
  void raise(AttentionState state) {
    int rows = state.rows();
    MemorySegment.copy(state.segment(), JAVA_FLOAT, 4 * state.maxIndex(0), maxima, 0, rows);
    for (int row = 0; row < rows; row++) {
      maxima[row] = maxima[row] == lowered(row) ? before[row] : maxima[row] + biases[row];
    }
    MemorySegment.copy(maxima, 0, state.segment(), JAVA_FLOAT, 4 * state.maxIndex(0), rows);
  }

  /** Native bytes held. */
  long bytes() {
    return memory.byteSize();
  }
}
