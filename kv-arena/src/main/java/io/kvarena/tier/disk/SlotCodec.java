package io.kvarena.tier.disk;

import io.kvarena.tier.CorruptPageException;
import io.kvarena.tier.PageTransfer;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** Turns contents into slots and back, with all checks; with a cipher, encrypted. */
final class SlotCodec {
  private static final byte[] NO_NONCE = new byte[0];

  private final String tier;
  private final @Nullable PageCipher cipher;

  SlotCodec(String tier, @Nullable PageCipher cipher) {
    this.tier = tier;
    this.cipher = cipher;
  }

  boolean encrypts() {
    return cipher != null;
  }

  /** Fills a slot and sets the entry's mark. */
  void encode(MemorySegment slot, Entry entry, MemorySegment content) {
    int start = SlotDescriptor.payloadOffset(entry.about.length);
    long bytes = SlotDescriptor.payloadBytes(entry.bytes, cipher != null);
    MemorySegment payload = slot.asSlice(start, bytes);
    int found;
    if (cipher == null) {
      SlotDescriptor.putHeader(slot, entry, false, NO_NONCE);
      MemorySegment.copy(content, 0, payload, 0, bytes);
      found = PageTransfer.crc32c(payload);
    } else {
      byte[] nonce = cipher.nonce();
      SlotDescriptor.putHeader(slot, entry, true, nonce);
      found = PageTransfer.crc32c(content);
      cipher.encrypt(nonce, SlotDescriptor.authenticated(slot), content, payload);
    }
    if (found != entry.crc32c) {
      throw new CorruptPageException(
          "a page changed since its checksum was taken: tier=%s, key=%s, crc32c=%s, found=%s; not stored"
              .formatted(tier, entry.key, Bytes.hex(entry.crc32c), Bytes.hex(found)));
    }
    // Borrowed memory still holds what was in it before, maybe another's page.
    slot.asSlice(start + bytes).fill((byte) 0);
    entry.mark = SlotDescriptor.seal(slot, cipher == null ? found : PageTransfer.crc32c(payload));
  }

  /** Writes a slot's content; returns what is wrong, or null. The target is then undefined. */
  @Nullable String decode(MemorySegment slot, Entry entry, MemorySegment into) {
    String problem = headerProblem(slot, entry);
    if (problem != null) {
      return problem;
    }
    MemorySegment payload = payload(slot, entry);
    int stored = slot.get(Bytes.INT, SlotDescriptor.PAYLOAD_CRC);
    if (cipher == null) {
      // The copy is what is checked, so that nothing can happen to it in between.
      MemorySegment.copy(payload, 0, into, 0, entry.bytes);
      int found = PageTransfer.crc32c(into);
      return found == stored && found == entry.crc32c ? null : crc(entry, stored, found);
    }
    int found = PageTransfer.crc32c(payload);
    if (found != stored) {
      return crc(entry, stored, found);
    }
    byte[] nonce =
        slot.asSlice(SlotDescriptor.NONCE, SlotDescriptor.NONCE_BYTES)
            .toArray(ValueLayout.JAVA_BYTE);
    if (!cipher.decrypt(nonce, SlotDescriptor.authenticated(slot), payload, into)) {
      return problem(entry, "not authentic", "");
    }
    found = PageTransfer.crc32c(into);
    return found == entry.crc32c ? null : crc(entry, entry.crc32c, found);
  }

  /** What is wrong with a slot as far as that shows without a key, or null. */
  @Nullable String verify(MemorySegment slot, Entry entry) {
    String problem = headerProblem(slot, entry);
    if (problem != null) {
      return problem;
    }
    int stored = slot.get(Bytes.INT, SlotDescriptor.PAYLOAD_CRC);
    int found = PageTransfer.crc32c(payload(slot, entry));
    return found == stored ? null : crc(entry, stored, found);
  }

  private static MemorySegment payload(MemorySegment slot, Entry entry) {
    boolean encrypted = slot.get(Bytes.INT, SlotDescriptor.CIPHER) == 1;
    return slot.asSlice(
        SlotDescriptor.payloadOffset(entry.about.length),
        SlotDescriptor.payloadBytes(entry.bytes, encrypted));
  }

  private @Nullable String headerProblem(MemorySegment slot, Entry entry) {
    if (!SlotDescriptor.isReadable(slot, entry.file.slotBytes)) {
      return problem(entry, "no header", ", magic=%016x".formatted(slot.get(Bytes.LONG, 0)));
    }
    int stored = slot.get(Bytes.INT, SlotDescriptor.HEADER_CRC);
    int found = SlotDescriptor.headerCrc(slot);
    if (stored != found) {
      return problem(
          entry,
          "header",
          ", stored crc32c=%s, found=%s".formatted(Bytes.hex(stored), Bytes.hex(found)));
    }
    long generation = slot.get(Bytes.LONG, SlotDescriptor.GENERATION);
    // The mark covers all of these; comparing them too costs nothing and needs no faith in it.
    boolean same =
        stored == entry.mark
            && generation == entry.generation
            && slot.get(Bytes.INT, SlotDescriptor.KIND) == entry.kind
            && SlotDescriptor.key(slot).equals(entry.key)
            && slot.get(Bytes.LONG, SlotDescriptor.FILE) == entry.file.number
            && slot.get(Bytes.INT, SlotDescriptor.SLOT) == entry.slot
            && slot.get(Bytes.LONG, SlotDescriptor.CONTENT_BYTES) == entry.bytes
            && slot.get(Bytes.INT, SlotDescriptor.CONTENT_CRC) == entry.crc32c
            && Arrays.equals(SlotDescriptor.about(slot), entry.about);
    return same
        ? null
        : problem(
            entry,
            "another's or an older one",
            ", generation=%d, found=%d".formatted(entry.generation, generation));
  }

  private String crc(Entry entry, int stored, int found) {
    return problem(
        entry, "", ", stored crc32c=%s, found=%s".formatted(Bytes.hex(stored), Bytes.hex(found)));
  }

  private String problem(Entry entry, String kind, String details) {
    return "corrupt %s%s: tier=%s, file=%s, slot=%d%s; treated as a miss"
        .formatted(
            entry.what(),
            kind.isEmpty() ? "" : " (" + kind + ")",
            tier,
            entry.file.name,
            entry.slot,
            details);
  }
}
