package io.kvarena.tier.disk;

import io.kvarena.tier.FileIo;
import io.kvarena.tier.FileIo.OpenFile;
import io.kvarena.tier.TierException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The two manifests of a directory. The one that counts is never written: a new one goes into the
 * other file. Used by one thread at a time.
 */
final class ManifestFiles implements AutoCloseable {
  private static final String NAME = "manifest-";

  private final FileIo io;
  private final Path directory;
  private final BouncePool pool;
  private final @Nullable OpenFile[] files = new OpenFile[2];
  private final boolean[] inDoubt = new boolean[2];
  private final long[] sizes = new long[2];

  /** Of both files; read by others. */
  private volatile long bytes;

  /** The file whose content counts; a directory without a manifest begins with file 0. */
  private int current = 1;

  /** Its name is not yet durable. */
  private boolean unnamed;

  ManifestFiles(FileIo io, Path directory, BouncePool pool) {
    this.io = io;
    this.directory = directory;
    this.pool = pool;
  }

  static boolean isName(String name) {
    return name.equals(NAME + 0) || name.equals(NAME + 1);
  }

  /** Bytes of both files. */
  long bytes() {
    return bytes;
  }

  private void sized(int i, long size) {
    sizes[i] = size;
    bytes = sizes[0] + sizes[1];
  }

  /** The newest whole manifest, or null; {@code names} are what the directory holds. */
  @Nullable Manifest read(List<String> names, List<String> findings) throws IOException {
    Manifest newest = null;
    for (int i = 0; i < 2; i++) {
      if (names.contains(NAME + i)) {
        Manifest found = readFile(i, findings);
        if (found != null && (newest == null || found.epoch() > newest.epoch())) {
          newest = found;
          current = i;
        }
      }
    }
    return newest;
  }

  private @Nullable Manifest readFile(int i, List<String> findings) throws IOException {
    OpenFile file = io.open(directory.resolve(NAME + i));
    files[i] = file;
    sized(i, file.size());
    if (sizes[i] == 0 || Bytes.aligned(sizes[i]) > Integer.MAX_VALUE - 8) {
      return null;
    }
    long half = sizes[i] / 2;
    byte[] whole = readAll(file, 0, (int) Bytes.aligned(sizes[i]));
    Manifest newest = null;
    for (int copy = 0; copy < 2; copy++) {
      if (copy == 1 && half != Bytes.aligned(half)) {
        findings.add("cut off: file=" + NAME + i + ", bytes=" + sizes[i]);
        break;
      }
      // The first copy says itself how long it is, so it counts even in a file that was cut off.
      MemorySegment content = MemorySegment.ofArray(whole).asSlice(copy * half);
      int version = ManifestDescriptor.version(content);
      if (version != 0 && version != ManifestDescriptor.VERSION) {
        throw new TierException(
            "a format of another version: file="
                + directory.resolve(NAME + i)
                + ", version="
                + version
                + ", known="
                + ManifestDescriptor.VERSION
                + "; use the kv-arena that wrote it, or another directory");
      }
      Manifest manifest = ManifestDescriptor.decode(content);
      if (manifest == null) {
        findings.add("not whole: file=" + NAME + i + ", copy=" + copy);
      } else if (newest == null || manifest.epoch() > newest.epoch()) {
        newest = manifest;
      }
    }
    return newest;
  }

  private byte[] readAll(OpenFile file, long offset, int bytes) throws IOException {
    byte[] content = new byte[bytes];
    int step = (int) Math.min(pool.bytesMax(), 4L << 20);
    for (int at = 0; at < bytes; at += step) {
      int count = Math.min(step, bytes - at);
      MemorySegment bounce = pool.take(count);
      try {
        Blocks.read(file, offset + at, bounce);
        MemorySegment.copy(bounce, ValueLayout.JAVA_BYTE, 0, content, at, count);
      } finally {
        pool.giveBack(bounce);
      }
    }
    return content;
  }

  private void writeAll(OpenFile file, long offset, byte[] content) throws IOException {
    int step = (int) Math.min(pool.bytesMax(), 4L << 20);
    for (int at = 0; at < content.length; at += step) {
      int count = Math.min(step, content.length - at);
      MemorySegment bounce = pool.take(count);
      try {
        MemorySegment.copy(content, at, bounce, ValueLayout.JAVA_BYTE, 0, count);
        Blocks.write(file, offset + at, bounce);
      } finally {
        pool.giveBack(bounce);
      }
    }
  }

  /**
   * Makes a manifest the one that counts. After an exception either may: the old one is untouched,
   * and the new one is in doubt.
   */
  void write(Manifest manifest) throws IOException {
    int target = 1 - current;
    try {
      OpenFile file = files[target];
      if (inDoubt[target] && file != null) {
        // What a failed sync left in a file's cache cannot be trusted to reach the disk.
        file.close();
        files[target] = null;
        io.delete(directory.resolve(NAME + target));
        sized(target, 0);
        file = null;
      }
      if (file == null) {
        file = io.open(directory.resolve(NAME + target));
        files[target] = file;
        unnamed = true;
      }
      byte[] copy = ManifestDescriptor.encode(manifest);
      if (sizes[target] != 2L * copy.length) {
        file.resize(2L * copy.length);
        sized(target, 2L * copy.length);
      }
      writeAll(file, 0, copy);
      writeAll(file, copy.length, copy);
      file.sync();
      if (unnamed) {
        io.syncDirectory(directory);
        unnamed = false;
      }
    } catch (IOException e) {
      inDoubt[target] = true;
      throw e;
    }
    inDoubt[target] = false;
    current = target;
  }

  @Override
  public void close() throws IOException {
    List<IOException> failures = new ArrayList<>();
    for (OpenFile file : files) {
      if (file != null) {
        try {
          file.close();
        } catch (IOException e) {
          failures.add(e);
        }
      }
    }
    if (!failures.isEmpty()) {
      throw failures.getFirst();
    }
  }
}
