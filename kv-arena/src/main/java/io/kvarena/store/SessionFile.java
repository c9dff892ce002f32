package io.kvarena.store;

import io.kvarena.tier.TierException;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.DigestInputStream;
import java.security.DigestOutputStream;
import java.util.Arrays;
import java.util.function.BiConsumer;

/**
 * A session in one file, to be taken elsewhere. Numbers are big-endian.
 *
 * <pre>
 * magic "kvx1" | length of the record | record, see SessionRecord | the bytes of its pages, in its
 * order | SHA-256 of all before
 * </pre>
 */
final class SessionFile {

  private static final int MAGIC = 0x6b767831;

  private SessionFile() {}

  /**
   * Writes a file, whole or not at all.
   *
   * @param pages fills memory with the bytes of a page
   */
  static void write(
      Path file,
      SessionRecord record,
      BiConsumer<SessionRecord.Page, MemorySegment> pages,
      MemorySegment memory)
      throws IOException {
    Path unfinished = file.resolveSibling(file.getFileName() + ".part");
    try (DigestOutputStream digest =
            new DigestOutputStream(
                new BufferedOutputStream(Files.newOutputStream(unfinished)), Fingerprint.sha256());
        DataOutputStream out = new DataOutputStream(digest)) {
      byte[] encoded = record.encode();
      out.writeInt(MAGIC);
      out.writeInt(encoded.length);
      out.write(encoded);
      for (SessionRecord.Page page : record.pages()) {
        MemorySegment bytes = memory.asSlice(0, page.bytes());
        pages.accept(page, bytes);
        out.write(bytes.toArray(ValueLayout.JAVA_BYTE));
      }
      byte[] hash = digest.getMessageDigest().digest();
      digest.on(false);
      out.write(hash);
    }
    Files.move(unfinished, file, StandardCopyOption.REPLACE_EXISTING);
  }

  /** Checks that a file is whole, and reads its record; throws TierException if it is not. */
  static SessionRecord check(Path file) throws IOException {
    try (DigestInputStream digest = open(file);
        DataInputStream in = new DataInputStream(digest)) {
      SessionRecord record = record(file, in);
      byte[] buffer = new byte[1 << 16];
      for (SessionRecord.Page page : record.pages()) {
        for (long left = page.bytes(); left > 0; ) {
          int piece = (int) Math.min(left, buffer.length);
          in.readFully(buffer, 0, piece);
          left -= piece;
        }
      }
      byte[] hash = digest.getMessageDigest().digest();
      digest.on(false);
      if (!Arrays.equals(hash, in.readNBytes(hash.length)) || in.read() >= 0) {
        throw broken(file, "its hash is another");
      }
      return record;
    } catch (IOException cut) {
      throw broken(file, "it ends early or is not one");
    }
  }

  /** Hands out the bytes of the pages of a file that was checked. */
  static void read(
      Path file, BiConsumer<SessionRecord.Page, MemorySegment> pages, MemorySegment memory)
      throws IOException {
    try (DataInputStream in = new DataInputStream(open(file))) {
      SessionRecord record = record(file, in);
      for (SessionRecord.Page page : record.pages()) {
        byte[] bytes = new byte[Math.toIntExact(page.bytes())];
        in.readFully(bytes);
        MemorySegment to = memory.asSlice(0, bytes.length);
        to.copyFrom(MemorySegment.ofArray(bytes));
        pages.accept(page, to);
      }
    }
  }

  private static DigestInputStream open(Path file) throws IOException {
    return new DigestInputStream(
        new BufferedInputStream(Files.newInputStream(file)), Fingerprint.sha256());
  }

  private static SessionRecord record(Path file, DataInputStream in) throws IOException {
    if (in.readInt() != MAGIC) {
      throw broken(file, "it is no session's");
    }
    int length = in.readInt();
    byte[] encoded = in.readNBytes(Math.max(0, length));
    if (encoded.length != length) {
      throw new IOException("cut");
    }
    return SessionRecord.decode(encoded);
  }

  private static TierException broken(Path file, String why) {
    return new TierException(
        "not a whole session: file=" + file + ", why=" + why + "; export it again");
  }
}
