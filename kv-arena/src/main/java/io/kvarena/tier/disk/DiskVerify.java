package io.kvarena.tier.disk;

import io.kvarena.tier.FileIo;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What came of reading every slot of a directory that no tier has open. What is in doubt is taken
 * out of the manifest, so that it is a miss from then on.
 *
 * @param pages pages that are whole
 * @param records records that are whole
 * @param bytes bytes of both
 * @param dropped pages and records that were in doubt
 * @param decrypted whether contents were decrypted too, or only their checksums compared
 * @param findings one line for each thing that is not as it should be
 */
public record DiskVerify(
    int pages, int records, long bytes, int dropped, boolean decrypted, List<String> findings) {

  /** Verifies a directory of any fingerprint; of an encrypted one, as far as goes without a key. */
  public static DiskVerify of(Path directory) {
    return of(directory, new ChannelIo(), null);
  }

  /**
   * The same through another way to do I/O, or with the key of an encrypted directory.
   *
   * @param key 32 bytes, or null
   */
  public static DiskVerify of(Path directory, FileIo io, byte @Nullable [] key) {
    try (ClosedDirectory closed = new ClosedDirectory(directory, io)) {
      Manifest manifest = closed.manifest;
      if (key != null) {
        closed.recovery.check(manifest, manifest.fingerprint(), key);
      }
      return new Pass(closed, key).run();
    } catch (IOException e) {
      throw ClosedDirectory.unreadable(directory, e);
    }
  }

  /** One reading of all slots. */
  private static final class Pass {
    private final ClosedDirectory closed;
    private final SlotCodec codec;
    private final boolean decrypts;
    private final List<String> findings;
    private int pages;
    private int records;
    private long bytes;

    Pass(ClosedDirectory closed, byte @Nullable [] key) {
      this.closed = closed;
      this.decrypts = key != null || !closed.manifest.encrypted();
      this.codec = new SlotCodec(DiskTier.NAME, key == null ? null : new PageCipher(key));
      this.findings = new ArrayList<>(closed.recovery.findings);
    }

    DiskVerify run() throws IOException {
      for (Entry entry : closed.recovery.entries) {
        String problem = problem(entry);
        if (problem != null) {
          findings.add(problem);
          entry.file.mark(entry.slot, 0);
        } else if (entry.isPage()) {
          pages++;
          bytes += entry.bytes;
        } else {
          records++;
          bytes += entry.bytes;
        }
      }
      int dropped = listed(closed.manifest.files()) - pages - records;
      if (dropped > 0) {
        closed.recovery.manifests.write(withoutDoubt());
      }
      return new DiskVerify(pages, records, bytes, dropped, decrypts, List.copyOf(findings));
    }

    private @Nullable String problem(Entry entry) {
      long slotBytes = entry.file.slotBytes;
      if (slotBytes > closed.pool.bytesMax()) {
        return "too large to be read: file=%s, slot=%d, slotBytes=%d"
            .formatted(entry.file.name, entry.slot, slotBytes);
      }
      MemorySegment slot = closed.pool.take(slotBytes);
      try {
        Blocks.read(entry.file.io, entry.offset(), slot);
        return decrypts
            ? codec.decode(slot, entry, MemorySegment.ofArray(new byte[(int) entry.bytes]))
            : codec.verify(slot, entry);
      } catch (IOException e) {
        return "unreadable: file=%s, slot=%d, cause=%s; treated as a miss"
            .formatted(entry.file.name, entry.slot, DiskTier.message(e));
      } finally {
        closed.pool.giveBack(slot);
      }
    }

    private Manifest withoutDoubt() {
      Manifest old = closed.manifest;
      List<Manifest.File> files = new ArrayList<>();
      for (PageFile file : closed.recovery.files) {
        int[] marks = file.marks();
        if (marks.length > 0) {
          files.add(
              new Manifest.File(file.number, file.slotBytes, file.slotsMax, file.retired, marks));
        }
      }
      return new Manifest(
          old.epoch() + 1,
          old.generation(),
          old.nextFile(),
          old.fingerprint(),
          old.keyCheck(),
          old.encrypted(),
          files);
    }

    private static int listed(List<Manifest.File> files) {
      return files.stream()
          .mapToInt(file -> (int) Arrays.stream(file.marks()).filter(mark -> mark != 0).count())
          .sum();
    }
  }
}
