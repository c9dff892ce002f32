package io.kvarena.store;

import io.kvarena.tier.PageKey;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A sequence as it is written down, all but the bytes of its pages. Numbers are big-endian, lists
 * begin with their count.
 *
 * <pre>
 * magic "kvs1" | fingerprint 32 bytes | length | note | pages: (key 16 bytes, pool, bytes, crc32c)
 * | lanes, in the order of the layers: see LaneRecord
 * </pre>
 *
 * @param fingerprint of the cache that it was made in
 * @param length the sequence's next position
 * @param note what the caller has kept with it
 * @param pages its pages and granules
 * @param lanes its lanes
 */
record SessionRecord(
    byte[] fingerprint, int length, byte[] note, List<Page> pages, List<LaneRecord> lanes) {

  private static final int MAGIC = 0x6b767331;

  /** A page of the pool with this number. */
  record Page(PageKey key, int pool, long bytes, int crc32c) {}

  byte[] encode() {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      out.writeInt(MAGIC);
      out.write(fingerprint);
      out.writeInt(length);
      out.writeInt(note.length);
      out.write(note);
      out.writeInt(pages.size());
      for (Page page : pages) {
        out.writeLong(page.key.high());
        out.writeLong(page.key.low());
        out.writeInt(page.pool);
        out.writeLong(page.bytes);
        out.writeInt(page.crc32c);
      }
      out.writeInt(lanes.size());
      for (LaneRecord lane : lanes) {
        lane.write(out);
      }
    } catch (IOException impossible) {
      throw new UncheckedIOException(impossible);
    }
    return bytes.toByteArray();
  }

  /** Reads a record; throws IOException if it is not one. */
  static SessionRecord decode(byte[] bytes) throws IOException {
    DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes));
    if (in.readInt() != MAGIC) {
      throw new IOException("not a session's record");
    }
    byte[] fingerprint = in.readNBytes(Fingerprint.BYTES);
    int length = in.readInt();
    byte[] note = in.readNBytes(LaneRecord.count(in));
    List<Page> pages = new ArrayList<>();
    for (int i = LaneRecord.count(in); i > 0; i--) {
      PageKey key = new PageKey(in.readLong(), in.readLong());
      pages.add(new Page(key, in.readInt(), in.readLong(), in.readInt()));
    }
    List<LaneRecord> lanes = new ArrayList<>();
    for (int i = LaneRecord.count(in); i > 0; i--) {
      lanes.add(LaneRecord.read(in));
    }
    return new SessionRecord(fingerprint, length, note, pages, lanes);
  }

  boolean isOf(byte[] other) {
    return Arrays.equals(fingerprint, other);
  }
}
