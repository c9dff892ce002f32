package io.kvarena.tier.disk;

import io.kvarena.tier.PageKey;
import io.kvarena.tier.PageTransfer;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.zip.CRC32C;

/**
 * Where things lie in a slot: a page or a record with all that is needed to know it again. Numbers
 * are little endian; {@code about} of a record is its name in UTF-8.
 *
 * <pre>
 * ┌────────────────────────┬───────────────────────┐ 0
 * │ magic "KVSLOT01"       │ kind: 1 page, 2 record│ 8
 * ├────────────────────────┼───────────────────────┤ 16
 * │ key, high              │ key, low              │ 24
 * ├────────────────────────┼───────────────────────┤ 32
 * │ generation             │ number of the file    │ 40
 * ├────────────────────────┼───────────────────────┤ 48
 * │ slot · aboutBytes      │ contentBytes          │ 56
 * ├────────────────────────┼───────────────────────┤ 64
 * │ CRC32C of the content · cipher: 0 none, 1 GCM  │
 * ├────────────────────────────────────────────────┤ 72
 * │ nonce (12 bytes) · zeros                       │
 * ├────────────────────────────────────────────────┤ 116
 * │ 1 if the header's checksum were 0 with 0 here  │
 * ├────────────────────────────────────────────────┤ 120
 * │ CRC32C of the payload · CRC32C of the header   │ 124
 * ├────────────────────────────────────────────────┤ 128
 * │ about (at most 1024 bytes) · zeros             │
 * ├────────────────────────────────────────────────┤ rounded up to 128
 * │ payload: content, or its cipher text and tag   │
 * ├────────────────────────────────────────────────┤
 * │ zeros, or what was there before                │
 * └────────────────────────────────────────────────┘ slotBytes, a multiple of 4096
 * </pre>
 *
 * The header's checksum covers bytes 0 to 124 and {@code about}. Bytes 0 to 116 and {@code about}
 * are the additional authenticated data of the cipher.
 */
final class SlotDescriptor {
  static final long MAGIC = 0x3130544f4c53564bL;
  static final int PAGE = 1;
  static final int RECORD = 2;
  static final int NONCE_BYTES = 12;
  static final int TAG_BYTES = 16;

  static final int KIND = 8;
  static final int KEY_HIGH = 16;
  static final int KEY_LOW = 24;
  static final int GENERATION = 32;
  static final int FILE = 40;
  static final int SLOT = 48;
  static final int ABOUT_BYTES = 52;
  static final int CONTENT_BYTES = 56;
  static final int CONTENT_CRC = 64;
  static final int CIPHER = 68;
  static final int NONCE = 72;
  static final int AUTHENTICATED_END = 116;
  static final int SALT = 116;
  static final int PAYLOAD_CRC = 120;
  static final int HEADER_CRC = 124;
  static final int ABOUT = 128;

  private SlotDescriptor() {}

  /** Where the payload begins. */
  static int payloadOffset(int aboutBytes) {
    return (int) Bytes.aligned(ABOUT + aboutBytes, 128);
  }

  /** Bytes that a content takes as it lies. */
  static long payloadBytes(long contentBytes, boolean encrypted) {
    return encrypted ? contentBytes + TAG_BYTES : contentBytes;
  }

  /** Size of the smallest slot for a content. */
  static long slotBytes(int aboutBytes, long contentBytes, boolean encrypted) {
    return Bytes.aligned(payloadOffset(aboutBytes) + payloadBytes(contentBytes, encrypted));
  }

  /** Writes all of the header but its two checksums; {@code entry} has its place already. */
  static void putHeader(MemorySegment slot, Entry entry, boolean encrypted, byte[] nonce) {
    int payload = payloadOffset(entry.about.length);
    slot.asSlice(0, payload).fill((byte) 0);
    slot.set(Bytes.LONG, 0, MAGIC);
    slot.set(Bytes.INT, KIND, entry.kind);
    slot.set(Bytes.LONG, KEY_HIGH, entry.key.high());
    slot.set(Bytes.LONG, KEY_LOW, entry.key.low());
    slot.set(Bytes.LONG, GENERATION, entry.generation);
    slot.set(Bytes.LONG, FILE, entry.file.number);
    slot.set(Bytes.INT, SLOT, entry.slot);
    slot.set(Bytes.INT, ABOUT_BYTES, entry.about.length);
    slot.set(Bytes.LONG, CONTENT_BYTES, entry.bytes);
    slot.set(Bytes.INT, CONTENT_CRC, entry.crc32c);
    slot.set(Bytes.INT, CIPHER, encrypted ? 1 : 0);
    MemorySegment.copy(nonce, 0, slot, ValueLayout.JAVA_BYTE, NONCE, nonce.length);
    MemorySegment.copy(entry.about, 0, slot, ValueLayout.JAVA_BYTE, ABOUT, entry.about.length);
  }

  /** Writes the two checksums; returns the header's, which is never 0. */
  static int seal(MemorySegment slot, int payloadCrc) {
    slot.set(Bytes.INT, PAYLOAD_CRC, payloadCrc);
    int crc = headerCrc(slot);
    if (crc == 0) {
      slot.set(Bytes.INT, SALT, 1);
      crc = headerCrc(slot);
    }
    slot.set(Bytes.INT, HEADER_CRC, crc);
    return crc;
  }

  /** Checksum of the header as it lies; the lengths in it must be sound. */
  static int headerCrc(MemorySegment slot) {
    CRC32C crc = new CRC32C();
    crc.update(slot.asSlice(0, HEADER_CRC).asByteBuffer());
    crc.update(slot.asSlice(ABOUT, slot.get(Bytes.INT, ABOUT_BYTES)).asByteBuffer());
    return (int) crc.getValue();
  }

  /** Whether magic and lengths are such that the header can be read at all. */
  static boolean isReadable(MemorySegment slot, long slotBytes) {
    if (slot.get(Bytes.LONG, 0) != MAGIC) {
      return false;
    }
    int aboutBytes = slot.get(Bytes.INT, ABOUT_BYTES);
    long contentBytes = slot.get(Bytes.LONG, CONTENT_BYTES);
    return aboutBytes >= 0
        && aboutBytes <= PageTransfer.ABOUT_BYTES_MAX
        && contentBytes >= 0
        && contentBytes <= slotBytes
        && slotBytes(aboutBytes, contentBytes, slot.get(Bytes.INT, CIPHER) == 1) <= slotBytes;
  }

  static PageKey key(MemorySegment slot) {
    return new PageKey(slot.get(Bytes.LONG, KEY_HIGH), slot.get(Bytes.LONG, KEY_LOW));
  }

  static byte[] about(MemorySegment slot) {
    return slot.asSlice(ABOUT, slot.get(Bytes.INT, ABOUT_BYTES)).toArray(ValueLayout.JAVA_BYTE);
  }

  /** What is authenticated beside the content. */
  static byte[] authenticated(MemorySegment slot) {
    int aboutBytes = slot.get(Bytes.INT, ABOUT_BYTES);
    byte[] data = new byte[AUTHENTICATED_END + aboutBytes];
    MemorySegment.copy(slot, ValueLayout.JAVA_BYTE, 0, data, 0, AUTHENTICATED_END);
    MemorySegment.copy(slot, ValueLayout.JAVA_BYTE, ABOUT, data, AUTHENTICATED_END, aboutBytes);
    return data;
  }
}
