package io.kvarena.tier.disk;

import io.kvarena.tier.FileIo;
import io.kvarena.tier.FileIo.OpenFile;
import io.kvarena.tier.disk.PageFile.Run;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The page files of a tier: finds room in them, makes them grow within the limit, deletes empty
 * ones.
 *
 * <p>Files grow and go under a lock of their own, so that calls that only read never wait for it;
 * what they hold is guarded by the tier's lock, which is never held during I/O.
 */
final class PageFiles {

  /** Batches go to runs of slots of at least so many bytes where there are any. */
  static final long EXTENT_BYTES = 256 << 10;

  private static final long GROWTH_BYTES = 8 << 20;

  private final FileIo io;
  private final Path directory;
  private final boolean durable;
  private final byte[] fingerprint;
  private final long maxBytes;
  private final long fileBytes;
  private final BouncePool pool;
  private final ReentrantLock lock;
  private final LongSupplier manifestBytes;
  private final ReentrantLock growth = new ReentrantLock();
  private final TreeMap<Long, PageFile> files = new TreeMap<>();

  /** Empty, but not deleted since the system refused. Guarded by {@code growth}. */
  private final List<PageFile> doomed = new ArrayList<>();

  private long doomedBytes;
  private long nextFile;

  PageFiles(
      FileIo io,
      Path directory,
      boolean durable,
      byte[] fingerprint,
      long maxBytes,
      long fileBytes,
      BouncePool pool,
      ReentrantLock lock,
      LongSupplier manifestBytes) {
    this.io = io;
    this.directory = directory;
    this.durable = durable;
    this.fingerprint = fingerprint;
    this.maxBytes = maxBytes;
    this.fileBytes = fileBytes;
    this.pool = pool;
    this.lock = lock;
    this.manifestBytes = manifestBytes;
  }

  /** Takes over files that a restart found. */
  void found(List<PageFile> found, long next) {
    found.forEach(file -> files.put(file.number, file));
    nextFile = next;
  }

  /** All files; under the tier's lock. */
  List<PageFile> all() {
    return List.copyOf(files.values());
  }

  /** Number for the next file; under the tier's lock. */
  long nextFile() {
    return nextFile;
  }

  /** Bytes of all files, the manifests included; under the tier's lock. */
  long bytes() {
    return bytes(0, 0);
  }

  /** The same with a file or slots more. */
  private long bytes(int moreFiles, int moreSlots) {
    long bytes = doomedBytes + (long) moreFiles * PageFileDescriptor.HEADER_BYTES;
    long slots = moreSlots;
    for (PageFile file : files.values()) {
      bytes += file.bytes();
      slots += file.slots();
    }
    return durable
        ? bytes
            + Math.max(
                manifestBytes.getAsLong(),
                4 * ManifestDescriptor.copyBytes(files.size() + moreFiles, slots))
        : bytes;
  }

  /** Takes slots, in runs as long as can be; null, with none taken, if there is no room. */
  @Nullable List<Run> take(long slotBytes, int count) throws IOException {
    growth.lock();
    try {
      List<Run> runs = new ArrayList<>();
      int extent = (int) Math.max(1, EXTENT_BYTES / slotBytes);
      int left = takeFree(runs, slotBytes, count, extent);
      try {
        while (left > 0 && grow(slotBytes, left)) {
          left = takeFree(runs, slotBytes, left, extent);
        }
      } catch (IOException e) {
        if (!DiskFull.is(e)) {
          giveBack(runs);
          throw e;
        }
      }
      left = takeFree(runs, slotBytes, left, 1);
      if (left > 0) {
        giveBack(runs);
        return null;
      }
      return runs;
    } finally {
      growth.unlock();
    }
  }

  /** Returns how many are still wanted. */
  private int takeFree(List<Run> runs, long slotBytes, int count, int extent) {
    int left = count;
    lock.lock();
    try {
      for (PageFile file : files.values()) {
        if (file.slotBytes != slotBytes || file.retired) {
          continue;
        }
        Run run = left == 0 ? null : file.takeRun(left, Math.min(left, extent));
        while (run != null) {
          runs.add(run);
          left -= run.count();
          run = left == 0 ? null : file.takeRun(left, Math.min(left, extent));
        }
      }
      return left;
    } finally {
      lock.unlock();
    }
  }

  private void giveBack(List<Run> runs) {
    lock.lock();
    try {
      for (Run run : runs) {
        for (int i = 0; i < run.count(); i++) {
          run.file().release(run.first() + i);
        }
      }
    } finally {
      lock.unlock();
    }
  }

  /** Makes room for some slots more, in a file that is there or a new one; false at the limit. */
  private boolean grow(long slotBytes, int wanted) throws IOException {
    PageFile file = growable(slotBytes);
    int slotsMax =
        Math.clamp((fileBytes - PageFileDescriptor.HEADER_BYTES) / slotBytes, 1, 1 << 28);
    int newFile = file == null ? 1 : 0;
    int most = file == null ? slotsMax : file.slotsMax - file.slots();
    // A little more than is wanted, since each growth costs a call; not where there is little.
    long step = Math.min(GROWTH_BYTES, maxBytes / 64) / slotBytes;
    int slots = fitting(slotBytes, newFile, (int) Math.min(most, Math.max(wanted, step)));
    if (slots < 1) {
      return false;
    }
    if (file == null) {
      create(slotBytes, slotsMax, slots);
    } else {
      extend(file, slots);
      lock.lock();
      try {
        file.grown(file.slots() + slots);
      } finally {
        lock.unlock();
      }
    }
    return true;
  }

  private static void extend(PageFile file, int slots) throws IOException {
    try {
      file.io.resize(PageFile.bytes(file.slotBytes, file.slots() + slots));
    } catch (IOException e) {
      try {
        file.io.resize(file.bytes()); // what it may have got of that is not counted
      } catch (IOException still) {
        e.addSuppressed(still);
      }
      throw e;
    }
  }

  private @Nullable PageFile growable(long slotBytes) {
    lock.lock();
    try {
      for (PageFile file : files.values()) {
        if (file.slotBytes == slotBytes && !file.retired && file.slots() < file.slotsMax) {
          return file;
        }
      }
      return null;
    } finally {
      lock.unlock();
    }
  }

  /** How many of these slots stay within the limit. */
  private int fitting(long slotBytes, int newFiles, int most) {
    lock.lock();
    try {
      // each slot costs a mark in four copies of the manifest
      long room = maxBytes - bytes(newFiles, 0);
      int slots = Math.clamp(room / (slotBytes + 16), 0, most);
      while (slots > 0 && bytes(newFiles, slots) + slots * slotBytes > maxBytes) {
        slots--;
      }
      return slots;
    } finally {
      lock.unlock();
    }
  }

  private void create(long slotBytes, int slotsMax, int slots) throws IOException {
    long number;
    lock.lock();
    try {
      number = nextFile++;
    } finally {
      lock.unlock();
    }
    String name = PageFileDescriptor.name(number, durable);
    Path path = directory.resolve(name);
    OpenFile open = io.open(path);
    try {
      open.resize(PageFile.bytes(slotBytes, slots));
      MemorySegment header = pool.take(PageFileDescriptor.HEADER_BYTES);
      try {
        PageFileDescriptor.put(header, number, slotBytes, slotsMax, fingerprint);
        Blocks.write(open, 0, header);
      } finally {
        pool.giveBack(header);
      }
    } catch (IOException e) {
      PageFile failed = new PageFile(number, name, open, slotBytes, slotsMax, slots);
      doom(List.of(failed));
      deleteDoomed();
      throw e;
    }
    PageFile file = new PageFile(number, name, open, slotBytes, slotsMax, slots);
    lock.lock();
    try {
      files.put(number, file);
    } finally {
      lock.unlock();
    }
  }

  /** Deletes files without a page, free or held. */
  void deleteEmpty() {
    growth.lock();
    try {
      List<PageFile> empty = new ArrayList<>();
      lock.lock();
      try {
        for (PageFile file : files.values()) {
          if (file.isEmpty() && !file.syncing) {
            empty.add(file);
          }
        }
        empty.forEach(file -> files.remove(file.number));
        doom(empty);
      } finally {
        lock.unlock();
      }
      deleteDoomed();
    } finally {
      growth.unlock();
    }
  }

  private void doom(List<PageFile> empty) {
    lock.lock();
    try {
      doomed.addAll(empty);
      empty.forEach(file -> doomedBytes += file.bytes());
    } finally {
      lock.unlock();
    }
  }

  /** What the system refuses to delete counts on and is tried again the next time. */
  private void deleteDoomed() {
    for (PageFile file : List.copyOf(doomed)) {
      try {
        file.io.close();
        io.delete(directory.resolve(file.name));
      } catch (IOException e) {
        continue;
      }
      lock.lock();
      try {
        doomed.remove(file);
        doomedBytes -= file.bytes();
      } finally {
        lock.unlock();
      }
    }
  }

  /** Closes all files; one of a tier that is not durable is deleted. */
  void close() throws IOException {
    @Nullable IOException failure = null;
    for (PageFile file : files.values()) {
      try {
        file.io.close();
        if (!durable) {
          io.delete(directory.resolve(file.name));
        }
      } catch (IOException e) {
        failure = e;
      }
    }
    files.clear();
    if (failure != null) {
      throw failure;
    }
  }
}
