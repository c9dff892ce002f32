package io.kvarena.tier.disk;

import io.kvarena.tier.FileIo;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What a directory holds, as far as its manifest and the headers of its slots say. Nothing is
 * changed; {@link DiskVerify} reads the contents too.
 *
 * @param directory the directory
 * @param fingerprint 64 hexadecimal digits that say whose pages these are
 * @param encrypted whether pages and records are cipher text
 * @param epoch manifests written so far
 * @param files the page files
 * @param pages how many pages
 * @param pageBytes bytes of the pages alone
 * @param records bytes of each record, by name
 * @param diskBytes bytes of all files of the tier
 * @param findings one line for each thing that is not as it should be
 */
public record DiskSummary(
    Path directory,
    String fingerprint,
    boolean encrypted,
    long epoch,
    List<File> files,
    int pages,
    long pageBytes,
    SortedMap<String, Long> records,
    long diskBytes,
    List<String> findings) {

  /**
   * A page file.
   *
   * @param name its name
   * @param slotBytes size of its slots
   * @param slots slots that it has room for
   * @param used slots that hold a page or record
   * @param bytes its size
   * @param retired whether it is not written any more, since a sync of it failed
   */
  public record File(
      String name, long slotBytes, int slots, int used, long bytes, boolean retired) {}

  /** Looks at a directory that no tier has open; throws TierException if it holds none. */
  public static DiskSummary of(Path directory) {
    return of(directory, new ChannelIo());
  }

  /** The same through another way to do I/O. */
  public static DiskSummary of(Path directory, FileIo io) {
    try (ClosedDirectory closed = new ClosedDirectory(directory, io)) {
      Recovery found = closed.recovery;
      List<File> files = new ArrayList<>();
      long diskBytes = found.manifests.bytes();
      for (PageFile file : found.files) {
        long bytes = file.io.size();
        diskBytes += bytes;
        files.add(
            new File(
                file.name, file.slotBytes, file.slots(), file.takenCount(), bytes, file.retired));
      }
      int pages = 0;
      long pageBytes = 0;
      SortedMap<String, Long> records = new TreeMap<>();
      for (Entry entry : found.entries) {
        if (entry.isPage()) {
          pages++;
          pageBytes += entry.bytes;
        } else {
          records.put(entry.recordName(), entry.bytes);
        }
      }
      return new DiskSummary(
          closed.directory,
          Recovery.hex(closed.manifest.fingerprint()),
          closed.manifest.encrypted(),
          closed.manifest.epoch(),
          List.copyOf(files),
          pages,
          pageBytes,
          records,
          diskBytes,
          List.copyOf(found.findings));
    } catch (IOException e) {
      throw ClosedDirectory.unreadable(directory, e);
    }
  }

  /** The summary as lines to be read. */
  public String text() {
    List<String> lines = new ArrayList<>();
    lines.add("directory    " + directory);
    lines.add("fingerprint  " + fingerprint);
    lines.add("encrypted    " + (encrypted ? "AES-256-GCM" : "no"));
    lines.add("syncs        " + epoch);
    lines.add("pages        %d, %d bytes".formatted(pages, pageBytes));
    lines.add("on disk      %d bytes".formatted(diskBytes));
    for (File file : files) {
      lines.add(
          "  %s  %d of %d slots of %d bytes used%s"
              .formatted(
                  file.name,
                  file.used,
                  file.slots,
                  file.slotBytes,
                  file.retired ? ", retired: a sync of it failed" : ""));
    }
    lines.add("records      " + records.size());
    records.forEach((name, bytes) -> lines.add("  %s  %d bytes".formatted(name, bytes)));
    findings.forEach(finding -> lines.add("! " + finding));
    return String.join("\n", lines);
  }
}
