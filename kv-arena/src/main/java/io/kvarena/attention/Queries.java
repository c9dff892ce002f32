package io.kvarena.attention;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The queries of a fold: f32 [tokens][heads][keyDim] in native memory, each token with the range of
 * positions that it sees. Filled by the store, read by kernels.
 */
public final class Queries {

  private MemorySegment data = MemorySegment.NULL;
  private MemorySegment bounds = MemorySegment.NULL;
  private long offset;
  private int tokens;
  private int heads;
  private int keyDim;
  private int firstHead;
  private float scale;
  private float softCap;

  /** An empty set of queries; a store makes few and reuses them. */
  public Queries() {}

  /**
   * Points at {@code tokens} queries of {@code heads} heads each, row-major in {@code data} from
   * byte {@code offset} on; makes room for their bounds.
   */
  public void set(
      MemorySegment data,
      long offset,
      int tokens,
      int heads,
      int keyDim,
      float scale,
      float softCap) {
    this.data = data;
    this.offset = offset;
    this.tokens = tokens;
    this.heads = heads;
    this.keyDim = keyDim;
    this.scale = scale;
    this.softCap = softCap;
    this.firstHead = 0;
    if (bounds.byteSize() < 8L * tokens) {
      // Collected with this object: see AttentionState.
      bounds = Arena.ofAuto().allocate(8L * tokens, 64);
    }
  }

  /** Points at the same queries in other memory, such as a rotated copy. */
  public void data(MemorySegment data, long offset) {
    this.data = data;
    this.offset = offset;
  }

  /** Token {@code token} sees the positions {@code lowest} to {@code highest}, both included. */
  public void bounds(int token, int lowest, int highest) {
    bounds.setAtIndex(JAVA_INT, 2L * token, lowest);
    bounds.setAtIndex(JAVA_INT, 2L * token + 1, highest);
  }

  /** The run to fold belongs to the query heads from {@code head} on. */
  public void firstHead(int head) {
    this.firstHead = head;
  }

  /** Native memory that holds the queries. */
  public MemorySegment data() {
    return data;
  }

  /** Byte offset of the first query in {@link #data()}. */
  public long offset() {
    return offset;
  }

  /** Bounds, i32 [tokens][2], lowest and highest visible position. */
  public MemorySegment bounds() {
    return bounds;
  }

  public int lowest(int token) {
    return bounds.getAtIndex(JAVA_INT, 2L * token);
  }

  public int highest(int token) {
    return bounds.getAtIndex(JAVA_INT, 2L * token + 1);
  }

  /** Query tokens. */
  public int tokens() {
    return tokens;
  }

  /** Query heads of a token in {@link #data()}: the layer's, which may be more than the run's. */
  public int heads() {
    return heads;
  }

  /** The layer's query head that the run's first query head is. */
  public int firstHead() {
    return firstHead;
  }

  public int keyDim() {
    return keyDim;
  }

  /** Multiplies q·k. */
  public float scale() {
    return scale;
  }

  /** 0, or the soft cap of the logits. */
  public float softCap() {
    return softCap;
  }

  /** Byte offset of a query in {@link #data()}. */
  public long rowOffset(int token, int head) {
    return offset + 4L * keyDim * ((long) token * heads + head);
  }

  /**
   * The slots of a page that a query token sees: live, and at a position within the bounds.
   *
   * @param live live mask of the page
   * @param position position of slot 0
   * @param pageTokens slots of the page
   */
  public static long visible(long live, int position, int pageTokens, int lowest, int highest) {
    long from = Math.max(0L, (long) lowest - position);
    long to = Math.min(pageTokens, (long) highest - position + 1);
    if (from >= to) {
      return 0;
    }
    return live & (-1L >>> (64 - to)) & (-1L << from);
  }
}
