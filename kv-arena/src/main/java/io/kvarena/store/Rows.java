package io.kvarena.store;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;

import io.kvarena.format.PageFormat;
import java.lang.foreign.MemorySegment;

/** Checks and copies of the rows that callers hand in. */
final class Rows {

  private Rows() {}

  /** Throws unless {@code segment} holds exactly the f32 values [tokens][heads][dim]. */
  static void checkSize(
      String what, MemorySegment segment, int layer, int tokens, int heads, int dim) {
    long wanted = 4L * tokens * heads * dim;
    if (segment.byteSize() != wanted) {
      throw new IllegalArgumentException(
          what
              + " have the wrong size: bytes="
              + segment.byteSize()
              + ", wanted="
              + wanted
              + ", layer="
              + layer
              + ", tokens="
              + tokens
              + ", heads="
              + heads
              + ", dim="
              + dim
              + "; pass f32 [tokens][heads][dim]");
    }
  }

  /** Throws if attention could not be written to {@code out}. */
  static void checkWritable(MemorySegment out, int layer) {
    if (out.isReadOnly()) {
      throw new IllegalArgumentException(
          "out is read-only: layer=" + layer + "; pass a writable segment");
    }
  }

  /**
   * Throws if one of the first {@code count} values of {@code rows}, native f32, is not finite or
   * too large for the tail.
   */
  static void check(
      String what,
      MemorySegment rows,
      long count,
      PageFormat tail,
      int layer,
      int perToken,
      Workspace workspace) {
    float largest = tail.magnitudeMax();
    if (workspace.rows.isGood(rows, count, largest)) {
      return;
    }
    long at = 0;
    while (Math.abs(rows.get(JAVA_FLOAT_UNALIGNED, 4 * at)) <= largest) {
      at++;
    }
    throw new IllegalArgumentException(
        what
            + " hold a value that the cache cannot: value="
            + rows.get(JAVA_FLOAT_UNALIGNED, 4 * at)
            + ", layer="
            + layer
            + ", token="
            + at / perToken
            + ", channel="
            + at % perToken
            + ", largest="
            + largest
            + ", tail="
            + tail.name()
            + "; look for an overflow in the layer before, or use bf16 or f32");
  }

  /**
   * Copies queries to native memory; throws if a value is not finite.
   *
   * @param bits scratch for {@code count} values
   */
  static void copyQueries(MemorySegment from, MemorySegment to, int[] bits, int count, int layer) {
    MemorySegment.copy(from, JAVA_INT_UNALIGNED, 0, bits, 0, count);
    // One pass of integers, which the JIT vectorises: an exponent of all ones overflows.
    int found = 0;
    for (int i = 0; i < count; i++) {
      found |= (bits[i] & 0x7fffffff) + 0x00800000;
    }
    if (found < 0) {
      throw new IllegalArgumentException(
          "queries hold a value that is not finite: layer="
              + layer
              + "; look for an overflow in the layer before");
    }
    MemorySegment.copy(bits, 0, to, JAVA_INT_UNALIGNED, 0, count);
  }
}
