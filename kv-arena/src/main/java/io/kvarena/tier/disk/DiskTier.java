package io.kvarena.tier.disk;

import io.kvarena.ClosedException;
import io.kvarena.tier.CorruptPageException;
import io.kvarena.tier.DurableTier;
import io.kvarena.tier.FileIo;
import io.kvarena.tier.PageKey;
import io.kvarena.tier.PageTransfer;
import io.kvarena.tier.TierException;
import io.kvarena.tier.TierFullException;
import io.kvarena.tier.disk.PageFile.Run;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedSet;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.jspecify.annotations.Nullable;

/**
 * Pages and records in files of a directory, in the format of docs/page-file-format.md.
 *
 * <p>Nothing that a restart would find is overwritten: a slot is used again once a durable manifest
 * no longer lists it. So a crash leaves what the last {@link #sync} saw, whole.
 */
public final class DiskTier implements DurableTier {
  /*
   * Locks, in the order in which they are taken:
   *
   * life     shared by calls, exclusive for close
   * turn     in Commit: one sync at a time
   * growth   in PageFiles: files grow and go
   * lock     index, slots and marks; never held during I/O, so loads wait for nobody's
   */

  static final String LOCK = "lock";
  static final String NAME = "disk";

  private static final PageKey NO_KEY = new PageKey(0, 0);

  private final FileIo io;

  /** Whether the tier made it, and so closes it. */
  private final boolean ownsIo;

  private final Path directory;
  private final long maxBytes;
  private final boolean durable;
  private final byte[] fingerprint;
  private final SlotCodec codec;
  private final BouncePool pool;
  private final Closeable directoryLock;
  private final ManifestFiles manifests;
  private final List<String> findings;
  private final ReentrantLock lock = new ReentrantLock();
  private final SlotIndex index;
  private final PageFiles files;
  private final SlotTransfers transfers;
  private final Commit commit;

  private final ReentrantReadWriteLock life = new ReentrantReadWriteLock();
  private boolean closed;

  /** The failure of a sync that no caller of sync was told of. */
  private final AtomicReference<@Nullable TierException> unreported = new AtomicReference<>();

  /** Begins the description of a tier in a directory, which is made if it is not there. */
  public static DiskTierBuilder at(Path directory) {
    return new DiskTierBuilder(directory);
  }

  static DiskTier open(DiskTierBuilder builder) {
    boolean ownsIo = builder.io == null;
    FileIo io = builder.io == null ? FileIos.best() : builder.io;
    BouncePool pool = new BouncePool(builder.bufferBytes);
    @Nullable Closeable directoryLock = null;
    Recovery recovery = new Recovery(io, builder.directory, pool);
    boolean opened = false;
    try {
      directoryLock = lock(io, builder.directory);
      DiskTier tier = new DiskTier(builder, io, pool, directoryLock, recovery);
      tier.start(recovery, builder.key);
      opened = true;
      return tier;
    } catch (IOException e) {
      throw new TierException(
          "the directory cannot be used: directory=%s, cause=%s; see to it, or use another"
              .formatted(builder.directory, message(e)),
          e);
    } finally {
      if (!opened) {
        release(recovery, directoryLock, pool);
        if (ownsIo) {
          io.close();
        }
      }
    }
  }

  static Closeable lock(FileIo io, Path directory) throws IOException {
    io.makeDirectory(directory);
    Closeable held = io.lock(directory.resolve(LOCK));
    if (held == null) {
      throw new TierException(
          "the directory is open elsewhere: directory=%s; close that tier, or use another directory"
              .formatted(directory));
    }
    return held;
  }

  static void release(Recovery recovery, @Nullable Closeable directoryLock, BouncePool pool) {
    try {
      recovery.close();
      if (directoryLock != null) {
        directoryLock.close();
      }
    } catch (IOException e) {
      // Nothing was written that matters; the failure that led here is the one to report.
    }
    pool.close();
  }

  private DiskTier(
      DiskTierBuilder builder,
      FileIo io,
      BouncePool pool,
      Closeable directoryLock,
      Recovery recovery) {
    this.io = io;
    this.ownsIo = builder.io == null;
    this.directory = builder.directory;
    this.maxBytes = builder.maxBytes;
    this.durable = builder.durable;
    this.pool = pool;
    this.directoryLock = directoryLock;
    this.manifests = recovery.manifests;
    this.findings = recovery.findings;
    byte[] key = builder.key;
    this.fingerprint = builder.fingerprint;
    this.codec = new SlotCodec(NAME, key == null ? null : new PageCipher(key));
    byte[] keyCheck =
        key == null
            ? new byte[ManifestDescriptor.KEY_CHECK_BYTES]
            : new KeyCheck(key, fingerprint).make();
    this.index = new SlotIndex(lock, durable);
    this.transfers = new SlotTransfers(pool, codec);
    this.files =
        new PageFiles(
            io,
            directory,
            durable,
            fingerprint,
            maxBytes,
            builder.fileBytes,
            pool,
            lock,
            manifests::bytes);
    this.commit =
        new Commit(
            io, directory, lock, index, files, manifests, fingerprint, keyCheck, codec.encrypts());
  }

  private void start(Recovery recovery, byte @Nullable [] key) throws IOException {
    if (!durable) {
      wipe();
      return;
    }
    Manifest found = recovery.readManifest();
    long nextFile = 1;
    long generation = 1L << 32;
    if (found != null) {
      recovery.check(found, fingerprint, key);
      recovery.readFiles();
      commit.found(found.epoch());
      // Never a generation twice, not even one that was lost: what was lost may turn up.
      generation = ((found.generation() >>> 32) + 1) << 32;
      nextFile = found.nextFile();
    } else if (directory.getParent() != null) {
      // The directory may be new, and what is in it is only as durable as its name.
      io.syncDirectory(directory.getParent());
    }
    for (String name : recovery.leftovers) {
      nextFile = Math.max(nextFile, PageFileDescriptor.number(name) + 1);
      io.delete(directory.resolve(name));
    }
    files.found(recovery.files, nextFile);
    index.found(recovery.entries, generation);
    sync();
  }

  private void wipe() throws IOException {
    for (String name : io.list(directory)) {
      if (ManifestFiles.isName(name) || PageFileDescriptor.isName(name, true)) {
        throw new TierException(
            "a directory whose pages are to be kept: directory=%s; open it as durable, or use another"
                .formatted(directory));
      }
      if (PageFileDescriptor.isName(name, false)) {
        io.delete(directory.resolve(name));
      } else if (!name.equals(LOCK)) {
        findings.add("ignored, not a file of this tier: file=" + name);
      }
    }
  }

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public long maxBytes() {
    return maxBytes;
  }

  @Override
  public long usedBytes() {
    lock.lock();
    try {
      return files.bytes();
    } finally {
      lock.unlock();
    }
  }

  /** What was found on opening that was not as it should be, one line each. */
  public List<String> findings() {
    return List.copyOf(findings);
  }

  /** Where the tier is, its limit and how it does I/O. */
  @Override
  public String toString() {
    return "disk tier: directory=%s, maxBytes=%d, durable=%s, encrypted=%s, io=%s"
        .formatted(directory, maxBytes, durable, codec.encrypts(), io);
  }

  // --- storing -----------------------------------------------------------------------------------

  /** A page or record to be written. */
  private record Content(
      int kind, PageKey key, byte[] about, MemorySegment bytes, int crc32c, long slotBytes) {}

  @Override
  public void store(List<PageTransfer> batch) {
    List<Content> contents = new ArrayList<>(batch.size());
    for (PageTransfer page : batch) {
      long bytes = page.bytes().byteSize();
      long slotBytes = SlotDescriptor.slotBytes(page.about().length, bytes, codec.encrypts());
      checkSlot("page", bytes, slotBytes);
      contents.add(
          new Content(
              SlotDescriptor.PAGE,
              page.key(),
              page.about().clone(),
              page.bytes(),
              page.crc32c(),
              slotBytes));
    }
    write(contents);
  }

  @Override
  public void put(String name, byte[] content) {
    byte[] about = name.getBytes(StandardCharsets.UTF_8);
    if (about.length > PageTransfer.ABOUT_BYTES_MAX) {
      throw new IllegalArgumentException(
          "the name of a record is too long: bytes=%d, bytesMax=%d; use a hash of it"
              .formatted(about.length, PageTransfer.ABOUT_BYTES_MAX));
    }
    MemorySegment bytes = MemorySegment.ofArray(content);
    long least = SlotDescriptor.slotBytes(about.length, content.length, codec.encrypts());
    checkSlot("record", content.length, least);
    // Few sizes, so that records that grow find the slots of others.
    long slotBytes = Math.min(pool.bytesMax(), Math.max(least, Long.highestOneBit(2 * least - 1)));
    write(
        List.of(
            new Content(
                SlotDescriptor.RECORD,
                NO_KEY,
                about,
                bytes,
                PageTransfer.crc32c(bytes),
                slotBytes)));
  }

  private void checkSlot(String what, long bytes, long slotBytes) {
    if (slotBytes > pool.bytesMax()) {
      throw new IllegalArgumentException(
          "a %s is too large: bytes=%d, slotBytes=%d, bufferBytes=%d; give the tier larger buffers"
              .formatted(what, bytes, slotBytes, pool.bytesMax()));
    }
  }

  private void write(List<Content> contents) {
    if (contents.isEmpty()) {
      return;
    }
    enter();
    try {
      List<Passage> passages = take(contents);
      boolean published = false;
      try {
        transfers.write(passages);
        index.publish(passages);
        published = true;
      } catch (IOException e) {
        throw DiskFull.is(e)
            ? new TierFullException(
                "no room on the file system: directory=%s, usedBytes=%d; free pages or make room"
                    .formatted(directory, usedBytes()))
            : new TierException(
                "pages cannot be written: directory=%s, cause=%s; nothing was stored"
                    .formatted(directory, message(e)),
                e);
      } finally {
        if (!published) {
          giveBack(passages);
        }
      }
    } finally {
      leave();
    }
  }

  private void giveBack(List<Passage> passages) {
    index.giveBack(passages);
    files.deleteEmpty();
  }

  private List<Passage> take(List<Content> contents) {
    Map<Long, List<Content>> bySize = new LinkedHashMap<>();
    for (Content content : contents) {
      bySize.computeIfAbsent(content.slotBytes, size -> new ArrayList<>()).add(content);
    }
    List<Passage> passages = tryTake(bySize);
    if (passages == null && index.holdsSlots()) {
      syncForRoom();
      passages = tryTake(bySize);
    }
    if (passages == null) {
      throw new TierFullException(
          "no room for pages: pages=%d, bytes=%d, usedBytes=%d, maxBytes=%d; free some, or raise the limit"
              .formatted(
                  contents.size(),
                  contents.stream().mapToLong(content -> content.slotBytes).sum(),
                  usedBytes(),
                  maxBytes));
    }
    return passages;
  }

  /** What was replaced or freed can be used again after a sync. */
  private void syncForRoom() {
    try {
      makeDurable();
    } catch (TierException e) {
      unreported.set(e);
      throw e;
    }
  }

  /** Slots for all, adjacent where that can be; null, with none taken, if there is no room. */
  private @Nullable List<Passage> tryTake(Map<Long, List<Content>> bySize) {
    List<Passage> passages = new ArrayList<>();
    boolean whole = false;
    try {
      for (Map.Entry<Long, List<Content>> group : bySize.entrySet()) {
        List<Run> runs = files.take(group.getKey(), group.getValue().size());
        if (runs == null) {
          return null;
        }
        int next = 0;
        for (Run run : runs) {
          for (int i = 0; i < run.count(); i++) {
            Content content = group.getValue().get(next++);
            Entry entry = entry(content, run.file(), run.first() + i);
            passages.add(new Passage(entry, content.bytes));
          }
        }
      }
      whole = true;
      return passages;
    } catch (IOException e) {
      throw new TierException(
          "no file for pages: directory=%s, cause=%s; nothing was stored"
              .formatted(directory, message(e)),
          e);
    } finally {
      if (!whole) {
        giveBack(passages);
      }
    }
  }

  private Entry entry(Content content, PageFile file, int slot) {
    return new Entry(
        content.kind,
        content.key,
        content.about,
        content.bytes.byteSize(),
        content.crc32c,
        index.nextGeneration(),
        file,
        slot);
  }

  @Override
  public void free(Collection<PageKey> keys) {
    enter();
    try {
      index.free(keys);
      files.deleteEmpty();
    } finally {
      leave();
    }
  }

  @Override
  public void remove(String name) {
    enter();
    try {
      index.removeRecord(name);
      files.deleteEmpty();
    } finally {
      leave();
    }
  }

  // --- loading -----------------------------------------------------------------------------------

  @Override
  public void load(List<PageTransfer> batch) {
    enter();
    try {
      List<String> problems = read(index.beginReading(batch));
      if (!problems.isEmpty()) {
        throw new CorruptPageException(problems.getFirst());
      }
    } finally {
      leave();
    }
  }

  /** Reads what was found; drops what is in doubt and says why. */
  private List<String> read(List<Passage> passages) {
    List<String> problems = new ArrayList<>();
    try {
      transfers.read(
          passages,
          (entry, problem) -> {
            index.drop(entry);
            problems.add(problem);
          });
      return problems;
    } catch (IOException e) {
      throw new TierException(
          "pages cannot be read: directory=%s, cause=%s; they are still there, try again"
              .formatted(directory, message(e)),
          e);
    } finally {
      index.endReading(passages);
    }
  }

  @Override
  public Optional<byte[]> record(String name) {
    enter();
    try {
      Optional<Passage> found = index.beginReadingRecord(name);
      if (found.isEmpty() || !read(List.of(found.get())).isEmpty()) {
        return Optional.empty();
      }
      return Optional.of(found.get().content().toArray(ValueLayout.JAVA_BYTE));
    } finally {
      leave();
    }
  }

  @Override
  public boolean contains(PageKey key) {
    enter();
    try {
      return index.contains(key);
    } finally {
      leave();
    }
  }

  @Override
  public void pages(Found found) {
    List<Entry> entries;
    enter();
    try {
      entries = index.pages();
    } finally {
      leave();
    }
    // Outside, so that the caller may use the tier, and even close it.
    entries.forEach(entry -> found.page(entry.key, entry.about.clone(), entry.bytes, entry.crc32c));
  }

  @Override
  public SortedSet<String> records() {
    enter();
    try {
      return index.recordNames();
    } finally {
      leave();
    }
  }

  // --- making it durable -------------------------------------------------------------------------

  @Override
  public void sync() {
    TierException before = unreported.getAndSet(null);
    makeDurable();
    if (before != null) {
      throw new TierException(
          "not all made durable: directory=%s, since a sync failed by which a store made room;"
                  .formatted(directory)
              + " take what was stored before that as lost",
          before);
    }
  }

  private void makeDurable() {
    enter();
    try {
      if (!durable) {
        return;
      }
      try {
        commit.run();
      } catch (IOException e) {
        throw new TierException(
            "not made durable: directory=%s, cause=%s; take what was stored since the last sync as lost"
                .formatted(directory, message(e)),
            e);
      }
      files.deleteEmpty();
    } finally {
      leave();
    }
  }

  // --- the life of the tier ----------------------------------------------------------------------

  private void enter() {
    life.readLock().lock();
    if (closed) {
      life.readLock().unlock();
      throw new ClosedException("the tier is closed: directory=" + directory + "; open it again");
    }
  }

  private void leave() {
    life.readLock().unlock();
  }

  @Override
  public void close() {
    life.writeLock().lock();
    try {
      if (closed) {
        return;
      }
      closed = true;
      try {
        files.close();
        manifests.close();
        directoryLock.close();
      } catch (IOException e) {
        // All that counts was synced before; what was not is let go of.
        findings.add("not closed well: " + message(e));
      } finally {
        pool.close();
        if (ownsIo) {
          io.close();
        }
      }
    } finally {
      life.writeLock().unlock();
    }
  }

  static String message(IOException failure) {
    String message = failure.getMessage();
    return message == null ? failure.getClass().getSimpleName() : message;
  }
}
