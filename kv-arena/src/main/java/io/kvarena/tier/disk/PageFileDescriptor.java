package io.kvarena.tier.disk;

import io.kvarena.tier.FileIo;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Where things lie in a page file: one size of slots.
 *
 * <pre>
 * ┌────────────────────────┬───────────────────────┐ 0
 * │ magic "KVPAGES1"       │ version · zeros       │ 8
 * ├────────────────────────┼───────────────────────┤ 16
 * │ number of the file     │ slotBytes             │ 24
 * ├────────────────────────┼───────────────────────┤ 32
 * │ slots, at most         │ zeros                 │ 40
 * ├────────────────────────┴───────────────────────┤ 48
 * │ fingerprint (32 bytes)                         │
 * ├────────────────────────────────────────────────┤ 80
 * │ CRC32C of bytes 0 to 80 · zeros                │
 * ├────────────────────────────────────────────────┤ 4096
 * │ slot 0                                         │
 * ├────────────────────────────────────────────────┤ 4096 + slotBytes
 * │ slot 1 …                                       │
 * └────────────────────────────────────────────────┘ grows by whole slots
 * </pre>
 */
final class PageFileDescriptor {
  static final int VERSION = 1;
  static final int HEADER_BYTES = FileIo.ALIGNMENT;
  static final int FINGERPRINT_BYTES = 32;

  private static final long MAGIC = 0x315345474150564bL;
  private static final int NUMBER = 16;
  private static final int SLOT_BYTES = 24;
  private static final int SLOTS = 32;
  private static final int FINGERPRINT = 48;
  private static final int CRC = 80;

  private static final String DURABLE = "pages-";
  private static final String SPILLED = "spill-";

  private PageFileDescriptor() {}

  /** Name of a page file. */
  static String name(long number, boolean durable) {
    return "%s%016x.kv".formatted(durable ? DURABLE : SPILLED, number);
  }

  static boolean isName(String name, boolean durable) {
    return name.matches((durable ? DURABLE : SPILLED) + "[0-9a-f]{16}\\.kv");
  }

  /** The number in a page file's name. */
  static long number(String name) {
    return Long.parseUnsignedLong(name.substring(DURABLE.length(), DURABLE.length() + 16), 16);
  }

  static void put(
      MemorySegment header, long number, long slotBytes, int slots, byte[] fingerprint) {
    header.asSlice(0, HEADER_BYTES).fill((byte) 0);
    header.set(Bytes.LONG, 0, MAGIC);
    header.set(Bytes.INT, 8, VERSION);
    header.set(Bytes.LONG, NUMBER, number);
    header.set(Bytes.LONG, SLOT_BYTES, slotBytes);
    header.set(Bytes.LONG, SLOTS, slots);
    MemorySegment.copy(
        fingerprint, 0, header, ValueLayout.JAVA_BYTE, FINGERPRINT, FINGERPRINT_BYTES);
    header.set(Bytes.INT, CRC, crc(header));
  }

  /** What is wrong with a header, or null. */
  static @Nullable String problem(
      MemorySegment header, long number, long slotBytes, int slots, byte[] fingerprint) {
    if (header.get(Bytes.LONG, 0) != MAGIC) {
      return "not a page file: magic=%016x".formatted(header.get(Bytes.LONG, 0));
    }
    if (header.get(Bytes.INT, CRC) != crc(header)) {
      return "corrupt header: stored crc32c=%s, found=%s"
          .formatted(Bytes.hex(header.get(Bytes.INT, CRC)), Bytes.hex(crc(header)));
    }
    if (header.get(Bytes.INT, 8) != VERSION
        || header.get(Bytes.LONG, NUMBER) != number
        || header.get(Bytes.LONG, SLOT_BYTES) != slotBytes
        || header.get(Bytes.LONG, SLOTS) != slots) {
      return "not the file that the manifest lists: version=%d, number=%d, slotBytes=%d, slots=%d"
          .formatted(
              header.get(Bytes.INT, 8),
              header.get(Bytes.LONG, NUMBER),
              header.get(Bytes.LONG, SLOT_BYTES),
              header.get(Bytes.LONG, SLOTS));
    }
    byte[] found = header.asSlice(FINGERPRINT, FINGERPRINT_BYTES).toArray(ValueLayout.JAVA_BYTE);
    return Arrays.equals(found, fingerprint) ? null : "another fingerprint in its header";
  }

  private static int crc(MemorySegment header) {
    CRC32C crc = new CRC32C();
    crc.update(header.asSlice(0, CRC).asByteBuffer());
    return (int) crc.getValue();
  }
}
