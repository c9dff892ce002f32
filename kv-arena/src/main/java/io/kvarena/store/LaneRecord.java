package io.kvarena.store;

import io.kvarena.memory.PageId;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;

/**
 * A lane as it is written down. Pages and granules go by their number in the record's list, −1 for
 * none.
 *
 * @param rawFrom the first slot with a raw row
 * @param end the slot of the next token
 * @param entries the block table, [entries] of (ordinal, page, mask, base, delta)
 * @param granules numbers of the granules
 * @param means µ of the keys' transform, [heads][channels or none]; no heads if it is not by
 *     content
 * @param weights w of it, the same
 */
record LaneRecord(
    int rawFrom, int end, Entry[] entries, int[] granules, float[][] means, float[][] weights) {

  /** An entry of a block table. */
  record Entry(int ordinal, int page, long mask, int base, int delta) {}

  /** Numbers pages: the same page, the same number. */
  @FunctionalInterface
  interface Numbering {
    /** Notes a page of a pool; {@link PageId#NONE} gets −1. */
    int number(long page, int pool);
  }

  /** The numbers of its pages and granules, each once. */
  List<Integer> numbers() {
    LinkedHashSet<Integer> numbers = new LinkedHashSet<>();
    for (Entry entry : entries) {
      numbers.add(entry.page);
    }
    for (int granule : granules) {
      numbers.add(granule);
    }
    numbers.remove(-1);
    return new ArrayList<>(numbers);
  }

  void write(DataOutputStream out) throws IOException {
    out.writeInt(rawFrom);
    out.writeInt(end);
    out.writeInt(entries.length);
    for (Entry entry : entries) {
      out.writeInt(entry.ordinal);
      out.writeInt(entry.page);
      out.writeLong(entry.mask);
      out.writeInt(entry.base);
      out.writeInt(entry.delta);
    }
    out.writeInt(granules.length);
    for (int granule : granules) {
      out.writeInt(granule);
    }
    write(means, out);
    write(weights, out);
  }

  static LaneRecord read(DataInputStream in) throws IOException {
    int rawFrom = in.readInt();
    int end = in.readInt();
    Entry[] entries = new Entry[count(in)];
    for (int i = 0; i < entries.length; i++) {
      entries[i] = new Entry(in.readInt(), in.readInt(), in.readLong(), in.readInt(), in.readInt());
    }
    int[] granules = new int[count(in)];
    for (int i = 0; i < granules.length; i++) {
      granules[i] = in.readInt();
    }
    return new LaneRecord(rawFrom, end, entries, granules, floats(in), floats(in));
  }

  private static void write(float[][] rows, DataOutputStream out) throws IOException {
    out.writeInt(rows.length);
    for (float[] row : rows) {
      out.writeInt(row.length);
      for (float value : row) {
        out.writeFloat(value);
      }
    }
  }

  private static float[][] floats(DataInputStream in) throws IOException {
    float[][] rows = new float[count(in)][];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = new float[count(in)];
      for (int k = 0; k < rows[i].length; k++) {
        rows[i][k] = in.readFloat();
      }
    }
    return rows;
  }

  /** A count that what is left of the record can hold. */
  static int count(DataInputStream in) throws IOException {
    int count = in.readInt();
    if (count < 0 || count > in.available()) {
      throw new IOException("a count that the record cannot hold: count=" + count);
    }
    return count;
  }
}
