package io.kvarena.tier.disk;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Where things lie in a manifest. The file holds it twice, each copy one half of the file.
 *
 * <pre>
 * ┌────────────────────────┬───────────────────────┐ 0
 * │ magic "KVMANIF1"       │ version · cipher      │ 8
 * ├────────────────────────┼───────────────────────┤ 16
 * │ epoch                  │ next generation       │ 24
 * ├────────────────────────┼───────────────────────┤ 32
 * │ next file number       │ files · zeros         │ 40
 * ├────────────────────────┴───────────────────────┤ 48
 * │ fingerprint (32 bytes)                         │
 * ├────────────────────────────────────────────────┤ 80
 * │ key check: nonce (12), tag (16), or zeros      │
 * ├────────────────────────────────────────────────┤ 112
 * │ bytes of the whole, files included             │
 * ├────────────────────────────────────────────────┤ 120
 * │ zeros · CRC32C of all other bytes of the whole │ 124
 * ├────────────────────────────────────────────────┤ 128
 * │ a file: number (8) · slotBytes (8) · slots at  │
 * │ most (4) · retired (4) · marks that follow (4) │
 * │ · zeros (4) · marks, 4 bytes each              │
 * ├────────────────────────────────────────────────┤
 * │ the next file …                                │
 * └────────────────────────────────────────────────┘
 * </pre>
 *
 * The key check is AES-256-GCM of nothing, with the fingerprint as additional authenticated data.
 * Magic, version, length and checksum stay where they are in every version. A mark is the CRC32C of
 * a slot's header, which covers all that the slot says of itself.
 */
final class ManifestDescriptor {
  static final int VERSION = 1;
  static final int KEY_CHECK_BYTES = SlotDescriptor.NONCE_BYTES + SlotDescriptor.TAG_BYTES;

  private static final long MAGIC = 0x3146494e414d564bL;
  private static final int HEADER_BYTES = 128;
  private static final int FILE_BYTES = 32;
  private static final int EPOCH = 16;
  private static final int GENERATION = 24;
  private static final int NEXT_FILE = 32;
  private static final int FILES = 40;
  private static final int FINGERPRINT = 48;
  private static final int KEY_CHECK = 80;
  private static final int LENGTH = 112;
  private static final int CRC = 124;

  private ManifestDescriptor() {}

  /** Size of a copy. */
  static long copyBytes(int files, long marks) {
    return Bytes.aligned(HEADER_BYTES + (long) files * FILE_BYTES + marks * Integer.BYTES);
  }

  /** A copy, padded by zeros to a multiple of 4096 bytes. */
  static byte[] encode(Manifest manifest) {
    long marks = manifest.files().stream().mapToLong(file -> file.marks().length).sum();
    int count = manifest.files().size();
    byte[] copy = new byte[Math.toIntExact(copyBytes(count, marks))];
    MemorySegment to = MemorySegment.ofArray(copy);
    to.set(Bytes.LONG, 0, MAGIC);
    to.set(Bytes.INT, 8, VERSION);
    to.set(Bytes.INT, 12, manifest.encrypted() ? 1 : 0);
    to.set(Bytes.LONG, EPOCH, manifest.epoch());
    to.set(Bytes.LONG, GENERATION, manifest.generation());
    to.set(Bytes.LONG, NEXT_FILE, manifest.nextFile());
    to.set(Bytes.INT, FILES, count);
    System.arraycopy(
        manifest.fingerprint(), 0, copy, FINGERPRINT, PageFileDescriptor.FINGERPRINT_BYTES);
    System.arraycopy(manifest.keyCheck(), 0, copy, KEY_CHECK, KEY_CHECK_BYTES);
    int at = HEADER_BYTES;
    for (Manifest.File file : manifest.files()) {
      to.set(Bytes.LONG, at, file.number());
      to.set(Bytes.LONG, at + 8, file.slotBytes());
      to.set(Bytes.INT, at + 16, file.slotsMax());
      to.set(Bytes.INT, at + 20, file.retired() ? 1 : 0);
      to.set(Bytes.INT, at + 24, file.marks().length);
      at += FILE_BYTES;
      MemorySegment.copy(file.marks(), 0, to, Bytes.INT, at, file.marks().length);
      at += file.marks().length * Integer.BYTES;
    }
    to.set(Bytes.LONG, LENGTH, at);
    to.set(Bytes.INT, CRC, crc(to, at));
    return copy;
  }

  /** The version of a whole copy, known here or not; 0 if this is none. */
  static int version(MemorySegment copy) {
    if (copy.byteSize() < HEADER_BYTES || copy.get(Bytes.LONG, 0) != MAGIC) {
      return 0;
    }
    long length = copy.get(Bytes.LONG, LENGTH);
    boolean whole =
        length >= HEADER_BYTES
            && length <= copy.byteSize()
            && copy.get(Bytes.INT, CRC) == crc(copy, length);
    return whole ? copy.get(Bytes.INT, 8) : 0;
  }

  /** The manifest in a copy, or null if that is not whole. */
  static @Nullable Manifest decode(MemorySegment copy) {
    if (version(copy) != VERSION) {
      return null;
    }
    long length = copy.get(Bytes.LONG, LENGTH);
    List<Manifest.File> files = new ArrayList<>();
    long at = HEADER_BYTES;
    for (int i = 0; i < copy.get(Bytes.INT, FILES); i++) {
      if (at + FILE_BYTES > length) {
        return null;
      }
      int marks = copy.get(Bytes.INT, at + 24);
      long slotBytes = copy.get(Bytes.LONG, at + 8);
      int slotsMax = copy.get(Bytes.INT, at + 16);
      if (marks < 0
          || marks > slotsMax
          || at + FILE_BYTES + (long) marks * Integer.BYTES > length
          || slotBytes <= 0
          || slotBytes != Bytes.aligned(slotBytes)) {
        return null;
      }
      int[] values = new int[marks];
      MemorySegment.copy(copy, Bytes.INT, at + FILE_BYTES, values, 0, marks);
      files.add(
          new Manifest.File(
              copy.get(Bytes.LONG, at),
              slotBytes,
              slotsMax,
              copy.get(Bytes.INT, at + 20) != 0,
              values));
      at += FILE_BYTES + (long) marks * Integer.BYTES;
    }
    return new Manifest(
        copy.get(Bytes.LONG, EPOCH),
        copy.get(Bytes.LONG, GENERATION),
        copy.get(Bytes.LONG, NEXT_FILE),
        copy.asSlice(FINGERPRINT, PageFileDescriptor.FINGERPRINT_BYTES)
            .toArray(ValueLayout.JAVA_BYTE),
        copy.asSlice(KEY_CHECK, KEY_CHECK_BYTES).toArray(ValueLayout.JAVA_BYTE),
        copy.get(Bytes.INT, 12) != 0,
        List.copyOf(files));
  }

  private static int crc(MemorySegment copy, long length) {
    CRC32C crc = new CRC32C();
    crc.update(copy.asSlice(0, CRC).asByteBuffer());
    crc.update(copy.asSlice(HEADER_BYTES, length - HEADER_BYTES).asByteBuffer());
    return (int) crc.getValue();
  }
}
