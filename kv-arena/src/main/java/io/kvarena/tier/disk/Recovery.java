package io.kvarena.tier.disk;

import io.kvarena.tier.FileIo;
import io.kvarena.tier.FileIo.OpenFile;
import io.kvarena.tier.FileIo.Piece;
import io.kvarena.tier.TierException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Reads what a directory holds, and writes nothing: the newest whole manifest, the files that it
 * lists, and of their slots the headers. A header counts if its checksum is the manifest's mark of
 * it: so a slot that was written after the manifest, or should have been and was not, does not.
 */
final class Recovery {

  /** Headers that are read at once. */
  private static final int HEADERS = 64;

  private final FileIo io;
  private final Path directory;
  private final BouncePool pool;
  final ManifestFiles manifests;

  /** One line for each thing that is not as it should be. */
  final List<String> findings = new ArrayList<>();

  final List<PageFile> files = new ArrayList<>();
  final List<Entry> entries = new ArrayList<>();

  /** Page files that no manifest lists. */
  final List<String> leftovers = new ArrayList<>();

  /** The newest whole manifest; null in a directory that holds none yet. */
  @Nullable Manifest manifest;

  Recovery(FileIo io, Path directory, BouncePool pool) {
    this.io = io;
    this.directory = directory;
    this.pool = pool;
    this.manifests = new ManifestFiles(io, directory, pool);
  }

  /** Reads the manifests; {@link #readFiles} reads what they list. */
  @Nullable Manifest readManifest() throws IOException {
    List<String> names = io.list(directory);
    manifest = manifests.read(names, findings);
    for (String name : names) {
      if (PageFileDescriptor.isName(name, true)) {
        leftovers.add(name);
      } else if (!ManifestFiles.isName(name) && !name.equals(DiskTier.LOCK)) {
        findings.add("ignored, not a file of this tier: file=" + name);
      }
    }
    if (manifest == null && !leftovers.isEmpty()) {
      throw new TierException(
          "no whole manifest, but page files: directory=%s, pageFiles=%d; delete the directory"
              .formatted(directory, leftovers.size()));
    }
    return manifest;
  }

  void readFiles() throws IOException {
    Manifest found = manifest;
    if (found == null) {
      return;
    }
    for (Manifest.File listed : found.files()) {
      String name = PageFileDescriptor.name(listed.number(), true);
      if (!leftovers.remove(name)) {
        findings.add("missing: file=%s, lost=%d".formatted(name, count(listed.marks())));
        continue;
      }
      OpenFile open = io.open(directory.resolve(name));
      long slots = (open.size() - PageFileDescriptor.HEADER_BYTES) / listed.slotBytes();
      PageFile file =
          new PageFile(
              listed.number(),
              name,
              open,
              listed.slotBytes(),
              listed.slotsMax(),
              Math.clamp(slots, 0, listed.slotsMax()));
      files.add(file);
      file.named = true;
      file.retired = listed.retired();
      String problem = headerProblem(file, found);
      if (problem == null) {
        readSlots(file, listed.marks());
      } else {
        // Not written any more, and nothing in it counts: it goes as soon as it is empty.
        file.retired = true;
        findings.add(problem + ", file=%s, lost=%d".formatted(name, count(listed.marks())));
      }
    }
    leftovers.forEach(name -> findings.add("not in the manifest: file=" + name));
  }

  private @Nullable String headerProblem(PageFile file, Manifest found) {
    MemorySegment header = pool.take(PageFileDescriptor.HEADER_BYTES);
    try {
      try {
        Blocks.read(file.io, 0, header);
      } catch (IOException once) {
        // A whole file is at stake.
        Blocks.read(file.io, 0, header);
      }
      return PageFileDescriptor.problem(
          header, file.number, file.slotBytes, file.slotsMax, found.fingerprint());
    } catch (IOException e) {
      return "unreadable: " + e.getMessage();
    } finally {
      pool.giveBack(header);
    }
  }

  private void readSlots(PageFile file, int[] marks) throws IOException {
    List<Integer> slots = new ArrayList<>();
    for (int slot = 0; slot < marks.length; slot++) {
      if (marks[slot] == 0) {
        continue;
      }
      if (slot >= file.slots()) {
        findings.add("behind the end: file=%s, slot=%d, lost=1".formatted(file.name, slot));
        continue;
      }
      slots.add(slot);
      if (slots.size() == HEADERS) {
        readHeaders(file, slots, marks);
        slots.clear();
      }
    }
    readHeaders(file, slots, marks);
  }

  private void readHeaders(PageFile file, List<Integer> slots, int[] marks) throws IOException {
    if (slots.isEmpty()) {
      return;
    }
    int bytes = FileIo.ALIGNMENT;
    MemorySegment headers = pool.take((long) slots.size() * bytes);
    try {
      List<Piece> pieces = new ArrayList<>();
      for (int i = 0; i < slots.size(); i++) {
        pieces.add(
            new Piece(false, file.offset(slots.get(i)), headers.asSlice((long) i * bytes, bytes)));
      }
      boolean all = true;
      try {
        Blocks.move(file.io, pieces);
      } catch (IOException e) {
        all = false;
      }
      for (int i = 0; i < slots.size(); i++) {
        MemorySegment header = headers.asSlice((long) i * bytes, bytes);
        if (!all) {
          // One of them failed: each by itself.
          try {
            Blocks.read(file.io, file.offset(slots.get(i)), header);
          } catch (IOException e) {
            header.fill((byte) 0);
          }
        }
        take(file, slots.get(i), header, marks[slots.get(i)]);
      }
    } finally {
      pool.giveBack(headers);
    }
  }

  private void take(PageFile file, int slot, MemorySegment header, int mark) {
    boolean whole =
        SlotDescriptor.isReadable(header, file.slotBytes)
            && header.get(Bytes.INT, SlotDescriptor.HEADER_CRC) == mark
            && SlotDescriptor.headerCrc(header) == mark
            && header.get(Bytes.LONG, SlotDescriptor.FILE) == file.number
            && header.get(Bytes.INT, SlotDescriptor.SLOT) == slot;
    if (!whole) {
      findings.add(
          "header not as listed: file=%s, slot=%d, listed crc32c=%s, lost=1"
              .formatted(file.name, slot, Bytes.hex(mark)));
      return;
    }
    Entry entry =
        new Entry(
            header.get(Bytes.INT, SlotDescriptor.KIND),
            SlotDescriptor.key(header),
            SlotDescriptor.about(header),
            header.get(Bytes.LONG, SlotDescriptor.CONTENT_BYTES),
            header.get(Bytes.INT, SlotDescriptor.CONTENT_CRC),
            header.get(Bytes.LONG, SlotDescriptor.GENERATION),
            file,
            slot);
    entry.mark = mark;
    entry.listed = true;
    entry.durable = true;
    file.take(slot);
    file.mark(slot, mark);
    entries.add(entry);
  }

  private static int count(int[] marks) {
    int count = 0;
    for (int mark : marks) {
      count += mark != 0 ? 1 : 0;
    }
    return count;
  }

  /** Refuses a directory that is not of this fingerprint, key, or kind of payload. */
  void check(Manifest found, byte[] fingerprint, byte @Nullable [] key) {
    if (!Arrays.equals(found.fingerprint(), fingerprint)) {
      throw new TierException(
          ("pages of another model, layout or format: directory=%s, fingerprint=%s, found=%s;"
                  + " use another directory or delete this one")
              .formatted(directory, hex(fingerprint), hex(found.fingerprint())));
    }
    if (found.encrypted() != (key != null)) {
      throw new TierException(
          "pages are %s: directory=%s; %s"
              .formatted(
                  found.encrypted() ? "encrypted" : "not encrypted",
                  directory,
                  found.encrypted() ? "give their key" : "give no key, or use another directory"));
    }
    if (key != null && !new KeyCheck(key, fingerprint).matches(found.keyCheck())) {
      throw new TierException(
          "pages are encrypted with another key: directory=%s; give that key, or use another directory"
              .formatted(directory));
    }
  }

  static String hex(byte[] bytes) {
    return HexFormat.of().formatHex(bytes);
  }

  /** Closes all that was opened. */
  void close() throws IOException {
    for (PageFile file : files) {
      file.io.close();
    }
    manifests.close();
  }
}
