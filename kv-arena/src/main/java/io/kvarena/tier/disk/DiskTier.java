package io.kvarena.tier.disk;

import io.kvarena.ClosedException;
import io.kvarena.tier.CorruptPageException;
import io.kvarena.tier.DurableTier;
import io.kvarena.tier.FileIo;
import io.kvarena.tier.FileIo.Piece;
import io.kvarena.tier.PageKey;
import io.kvarena.tier.PageTransfer;
import io.kvarena.tier.TierException;
import io.kvarena.tier.TierFullException;
import io.kvarena.tier.disk.PageFile.Run;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
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
   * commit   one sync at a time
   * growth   in PageFiles: files grow and go
   * lock     index, slots and marks; never held during I/O, so loads wait for nobody's
   *
   * Life of a slot in a durable tier:
   *
   * 1. taken, written, then published: the index names it, its file's mark says so too; it is fresh.
   * 2. A sync copies the marks (from here on it is listed: that manifest may become durable), makes
   *    the files durable, then the manifest (now it is durable).
   * 3. Replaced or freed, a listed slot is held until a manifest without it is durable.
   *
   * If a file fails to sync, its fresh slots are lost, and what they replaced counts again: that is
   * what a restart would find. The file is retired: read, but not written any more.
   */

  static final String LOCK = "lock";

  static final String NAME = "disk";
  private static final PageKey NO_KEY = new PageKey(0, 0);

  /** What is copied and moved at once. */
  private static final long WINDOW_BYTES = 4 << 20;

  private final FileIo io;
  private final Path directory;
  private final long maxBytes;
  private final boolean durable;
  private final byte[] fingerprint;
  private final SlotCodec codec;
  private final byte[] keyCheck;
  private final BouncePool pool;
  private final Closeable directoryLock;
  private final ManifestFiles manifests;
  private final List<String> findings;
  private final PageFiles files;

  private final ReentrantReadWriteLock life = new ReentrantReadWriteLock();
  private boolean closed;

  private final ReentrantLock commit = new ReentrantLock();
  private long epoch;

  private final ReentrantLock lock = new ReentrantLock();
  private final Map<PageKey, Entry> pages = new HashMap<>();
  private final TreeMap<String, Entry> records = new TreeMap<>();
  private long generation;
  private boolean changed;

  /** The failure of a sync that no caller of sync was told of. */
  private final AtomicReference<@Nullable TierException> unreported = new AtomicReference<>();

  /** Published since the last durable manifest. */
  private Set<Entry> fresh = new LinkedHashSet<>();

  /** Replaced or freed, but in a manifest that a restart could find. */
  private Set<Entry> held = new LinkedHashSet<>();

  /** Begins the description of a tier in a directory, which is made if it is not there. */
  public static DiskTierBuilder at(Path directory) {
    return new DiskTierBuilder(directory);
  }

  static DiskTier open(DiskTierBuilder builder) {
    FileIo io = builder.io == null ? new ChannelIo() : builder.io;
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
    this.keyCheck =
        key == null
            ? new byte[ManifestDescriptor.KEY_CHECK_BYTES]
            : new KeyCheck(key, fingerprint).make();
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
  }

  private void start(Recovery recovery, byte @Nullable [] key) throws IOException {
    if (!durable) {
      wipe();
      return;
    }
    Manifest found = recovery.readManifest();
    long nextFile = 1;
    generation = 1L << 32;
    if (found != null) {
      recovery.check(found, fingerprint, key);
      recovery.readFiles();
      epoch = found.epoch();
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
    for (Entry entry : recovery.entries) {
      if (entry.isPage()) {
        pages.put(entry.key, entry);
      } else {
        records.put(entry.recordName(), entry);
      }
    }
    changed = true;
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

  /** A content and the slot that was taken for it. */
  private record Write(Content content, Entry entry) {}

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
      List<Write> writes = take(contents);
      boolean published = false;
      try {
        encodeAndMove(writes);
        publish(writes);
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
          giveBack(writes);
        }
      }
    } finally {
      leave();
    }
  }

  private List<Write> take(List<Content> contents) {
    Map<Long, List<Content>> bySize = new LinkedHashMap<>();
    for (Content content : contents) {
      bySize.computeIfAbsent(content.slotBytes, size -> new ArrayList<>()).add(content);
    }
    List<Write> writes = tryTake(bySize);
    if (writes == null && holdsSlots()) {
      syncForRoom();
      writes = tryTake(bySize);
    }
    if (writes == null) {
      throw new TierFullException(
          "no room for pages: pages=%d, bytes=%d, usedBytes=%d, maxBytes=%d; free some, or raise the limit"
              .formatted(
                  contents.size(),
                  contents.stream().mapToLong(content -> content.slotBytes).sum(),
                  usedBytes(),
                  maxBytes));
    }
    return writes;
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

  private boolean holdsSlots() {
    lock.lock();
    try {
      return !held.isEmpty();
    } finally {
      lock.unlock();
    }
  }

  /** Slots for all, adjacent where that can be; null, with none taken, if there is no room. */
  private @Nullable List<Write> tryTake(Map<Long, List<Content>> bySize) {
    List<Write> writes = new ArrayList<>();
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
            writes.add(new Write(content, entry(content, run.file(), run.first() + i)));
          }
        }
      }
      whole = true;
      return writes;
    } catch (IOException e) {
      throw new TierException(
          "no file for pages: directory=%s, cause=%s; nothing was stored"
              .formatted(directory, message(e)),
          e);
    } finally {
      if (!whole) {
        giveBack(writes);
      }
    }
  }

  private Entry entry(Content content, PageFile file, int slot) {
    lock.lock();
    try {
      return new Entry(
          content.kind,
          content.key,
          content.about,
          content.bytes.byteSize(),
          content.crc32c,
          generation++,
          file,
          slot);
    } finally {
      lock.unlock();
    }
  }

  private void encodeAndMove(List<Write> writes) throws IOException {
    long window = Math.min(WINDOW_BYTES, pool.bytesMax() / 2);
    int from = 0;
    while (from < writes.size()) {
      PageFile file = writes.get(from).entry.file;
      int to = from + 1;
      while (to < writes.size()
          && writes.get(to).entry.file == file
          && (to + 1 - from) * file.slotBytes <= window) {
        to++;
      }
      MemorySegment bounce = pool.take((to - from) * file.slotBytes);
      try {
        List<Piece> pieces = new ArrayList<>();
        int run = from;
        for (int i = from; i < to; i++) {
          Write write = writes.get(i);
          codec.encode(
              bounce.asSlice((i - from) * file.slotBytes, file.slotBytes),
              write.entry,
              write.content.bytes);
          if (i + 1 == to || writes.get(i + 1).entry.slot != write.entry.slot + 1) {
            Blocks.cut(
                pieces,
                true,
                writes.get(run).entry.offset(),
                bounce.asSlice((run - from) * file.slotBytes, (i + 1 - run) * file.slotBytes));
            run = i + 1;
          }
        }
        Blocks.move(file.io, pieces);
      } finally {
        pool.giveBack(bounce);
      }
      from = to;
    }
  }

  private void publish(List<Write> writes) throws IOException {
    lock.lock();
    try {
      for (Write write : writes) {
        if (write.entry.file.retired) {
          throw new IOException("a sync of the file failed: file=" + write.entry.file.name);
        }
      }
      for (Write write : writes) {
        Entry entry = write.entry;
        Entry old = index(entry);
        entry.file.mark(entry.slot, entry.mark);
        entry.file.dirty = true;
        if (durable) {
          fresh.add(entry);
        }
        changed = true;
        if (old != null) {
          retire(old, entry);
        }
      }
    } finally {
      lock.unlock();
    }
  }

  private @Nullable Entry index(Entry entry) {
    return entry.isPage() ? pages.put(entry.key, entry) : records.put(entry.recordName(), entry);
  }

  private boolean isIndexed(Entry entry) {
    return (entry.isPage() ? pages.get(entry.key) : records.get(entry.recordName())) == entry;
  }

  /** Takes an entry out of the index if it is still there. */
  private void drop(Entry entry) {
    lock.lock();
    try {
      if (isIndexed(entry)) {
        if (entry.isPage()) {
          pages.remove(entry.key);
        } else {
          records.remove(entry.recordName());
        }
        retire(entry, null);
      }
    } finally {
      lock.unlock();
    }
  }

  /** An entry that is no longer in the index, maybe since another took its place. */
  private void retire(Entry old, @Nullable Entry by) {
    old.file.mark(old.slot, 0);
    fresh.remove(old);
    changed = true;
    if (durable && old.listed) {
      held.add(old);
      if (by != null) {
        by.before = old;
      }
    } else {
      if (by != null) {
        by.before = old.before;
      }
      release(old);
    }
  }

  private static void release(Entry entry) {
    entry.released = true;
    entry.before = null;
    if (entry.readers == 0) {
      entry.file.release(entry.slot);
    }
  }

  private void giveBack(List<Write> writes) {
    lock.lock();
    try {
      writes.forEach(write -> release(write.entry));
    } finally {
      lock.unlock();
    }
    files.deleteEmpty();
  }

  @Override
  public void free(Collection<PageKey> keys) {
    enter();
    try {
      lock.lock();
      try {
        for (PageKey key : keys) {
          Entry entry = pages.remove(key);
          if (entry != null) {
            retire(entry, null);
          }
        }
      } finally {
        lock.unlock();
      }
      files.deleteEmpty();
    } finally {
      leave();
    }
  }

  @Override
  public void remove(String name) {
    enter();
    try {
      lock.lock();
      try {
        Entry entry = records.remove(name);
        if (entry != null) {
          retire(entry, null);
        }
      } finally {
        lock.unlock();
      }
      files.deleteEmpty();
    } finally {
      leave();
    }
  }

  // --- loading -----------------------------------------------------------------------------------

  /** An entry that is read, and where its content goes. */
  private record Read(Entry entry, MemorySegment into) {}

  @Override
  public void load(List<PageTransfer> batch) {
    enter();
    try {
      List<Read> reads = begin(batch);
      List<String> problems = new ArrayList<>();
      try {
        read(reads, problems);
      } finally {
        end(reads);
      }
      if (!problems.isEmpty()) {
        throw new CorruptPageException(problems.getFirst());
      }
    } finally {
      leave();
    }
  }

  /** Finds the pages and keeps their slots from being used again; throws if one does not agree. */
  private List<Read> begin(List<PageTransfer> batch) {
    List<Read> reads = new ArrayList<>(batch.size());
    lock.lock();
    try {
      for (PageTransfer page : batch) {
        Entry entry = pages.get(page.key());
        String problem =
            entry == null
                ? "no such page: tier=disk, key=" + page.key() + "; treated as a miss"
                : difference(entry, page);
        if (problem != null) {
          if (entry != null) {
            drop(entry);
          }
          throw new CorruptPageException(problem);
        }
      }
      for (PageTransfer page : batch) {
        Entry entry = pages.get(page.key());
        if (entry != null) {
          entry.readers++;
          reads.add(new Read(entry, page.bytes()));
        }
      }
      return reads;
    } finally {
      lock.unlock();
    }
  }

  private static @Nullable String difference(Entry entry, PageTransfer page) {
    if (entry.bytes == page.bytes().byteSize()
        && entry.crc32c == page.crc32c()
        && Arrays.equals(entry.about, page.about())) {
      return null;
    }
    return ("another page under this key: tier=disk, key=%s, bytes=%d, found=%d, crc32c=%s,"
            + " found=%s, about %s; treated as a miss")
        .formatted(
            entry.key,
            page.bytes().byteSize(),
            entry.bytes,
            Bytes.hex(page.crc32c()),
            Bytes.hex(entry.crc32c),
            Arrays.equals(entry.about, page.about()) ? "agrees" : "differs");
  }

  private void end(List<Read> reads) {
    lock.lock();
    try {
      for (Read read : reads) {
        Entry entry = read.entry;
        entry.readers--;
        if (entry.released && entry.readers == 0) {
          entry.file.release(entry.slot);
        }
      }
    } finally {
      lock.unlock();
    }
  }

  /** Reads runs of adjacent slots at once; drops what is in doubt and says why. */
  private void read(List<Read> unsorted, List<String> problems) {
    List<Read> reads = new ArrayList<>(unsorted);
    reads.sort(
        Comparator.comparingLong((Read read) -> read.entry.file.number)
            .thenComparingInt(read -> read.entry.slot));
    long window = Math.min(WINDOW_BYTES, pool.bytesMax() / 2);
    int from = 0;
    while (from < reads.size()) {
      PageFile file = reads.get(from).entry.file;
      int to = from + 1;
      while (to < reads.size()
          && reads.get(to).entry.file == file
          && (to + 1 - from) * file.slotBytes <= window) {
        to++;
      }
      readWindow(file, reads.subList(from, to), problems);
      from = to;
    }
  }

  private void readWindow(PageFile file, List<Read> reads, List<String> problems) {
    MemorySegment bounce = pool.take(reads.size() * file.slotBytes);
    try {
      List<Piece> pieces = new ArrayList<>();
      int run = 0;
      for (int i = 0; i < reads.size(); i++) {
        if (i + 1 == reads.size() || reads.get(i + 1).entry.slot != reads.get(i).entry.slot + 1) {
          Blocks.cut(
              pieces,
              false,
              reads.get(run).entry.offset(),
              bounce.asSlice(run * file.slotBytes, (i + 1 - run) * file.slotBytes));
          run = i + 1;
        }
      }
      Blocks.move(file.io, pieces);
      for (int i = 0; i < reads.size(); i++) {
        Read read = reads.get(i);
        String problem =
            codec.decode(bounce.asSlice(i * file.slotBytes, file.slotBytes), read.entry, read.into);
        if (problem != null) {
          drop(read.entry);
          problems.add(problem);
        }
      }
    } catch (IOException e) {
      throw new TierException(
          "pages cannot be read: file=%s, cause=%s; they are still there, try again"
              .formatted(file.name, message(e)),
          e);
    } finally {
      pool.giveBack(bounce);
    }
  }

  @Override
  public Optional<byte[]> record(String name) {
    enter();
    try {
      byte[] content;
      List<Read> reads;
      lock.lock();
      try {
        Entry entry = records.get(name);
        if (entry == null) {
          return Optional.empty();
        }
        entry.readers++;
        content = new byte[(int) entry.bytes];
        reads = List.of(new Read(entry, MemorySegment.ofArray(content)));
      } finally {
        lock.unlock();
      }
      List<String> problems = new ArrayList<>();
      try {
        read(reads, problems);
      } finally {
        end(reads);
      }
      return problems.isEmpty() ? Optional.of(content) : Optional.empty();
    } finally {
      leave();
    }
  }

  @Override
  public boolean contains(PageKey key) {
    enter();
    try {
      lock.lock();
      try {
        return pages.containsKey(key);
      } finally {
        lock.unlock();
      }
    } finally {
      leave();
    }
  }

  @Override
  public void pages(Found found) {
    for (Entry entry : entries()) {
      if (entry.isPage()) {
        found.page(entry.key, entry.about.clone(), entry.bytes, entry.crc32c);
      }
    }
  }

  @Override
  public SortedSet<String> records() {
    enter();
    try {
      lock.lock();
      try {
        return new TreeSet<>(records.keySet());
      } finally {
        lock.unlock();
      }
    } finally {
      leave();
    }
  }

  private List<Entry> entries() {
    enter();
    try {
      lock.lock();
      try {
        List<Entry> entries = new ArrayList<>(pages.values());
        entries.addAll(records.values());
        return entries;
      } finally {
        lock.unlock();
      }
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
      commit.lock();
      try {
        new Commit().run();
      } catch (IOException e) {
        throw new TierException(
            "not made durable: directory=%s, cause=%s; take what was stored since the last sync as lost"
                .formatted(directory, message(e)),
            e);
      } finally {
        commit.unlock();
      }
      files.deleteEmpty();
    } finally {
      leave();
    }
  }

  /** One sync. */
  private final class Commit {
    private Set<Entry> committing = Set.of();
    private Set<Entry> leaving = Set.of();
    private List<PageFile> all = List.of();
    private List<PageFile> dirty = List.of();

    void run() throws IOException {
      Manifest manifest = snapshot();
      if (manifest == null) {
        return;
      }
      boolean done = false;
      try {
        syncFiles();
        manifests.write(manifest);
        done = true;
      } finally {
        finish(done);
      }
    }

    private @Nullable Manifest snapshot() {
      lock.lock();
      try {
        if (!changed) {
          return null;
        }
        changed = false;
        committing = fresh;
        fresh = new LinkedHashSet<>();
        leaving = held;
        held = new LinkedHashSet<>();
        committing.forEach(entry -> entry.listed = true);
        all = files.all();
        dirty = new ArrayList<>();
        List<Manifest.File> listed = new ArrayList<>();
        for (PageFile file : all) {
          file.syncing = true;
          if (file.dirty) {
            dirty.add(file);
            file.dirty = false;
          }
          int[] marks = file.marks();
          if (marks.length > 0) {
            listed.add(
                new Manifest.File(file.number, file.slotBytes, file.slotsMax, file.retired, marks));
          }
        }
        return new Manifest(
            ++epoch, generation, files.nextFile(), fingerprint, keyCheck, codec.encrypts(), listed);
      } finally {
        lock.unlock();
      }
    }

    private void syncFiles() throws IOException {
      boolean unnamed = false;
      @Nullable IOException failure = null;
      for (PageFile file : List.copyOf(dirty)) {
        try {
          file.io.sync();
          dirty.remove(file);
          unnamed |= !file.named;
        } catch (IOException e) {
          dirty.remove(file);
          lose(file);
          failure = e;
        }
      }
      unnamed |= all.stream().anyMatch(file -> !file.named);
      if (unnamed && failure == null) {
        try {
          io.syncDirectory(directory);
        } catch (IOException e) {
          all.stream().filter(file -> !file.named).forEach(this::lose);
          failure = e;
        }
      }
      if (failure != null) {
        throw failure;
      }
    }

    /** Retires a file: what was not durable in it is lost, and what that replaced counts again. */
    private void lose(PageFile file) {
      lock.lock();
      try {
        file.retired = true;
        held.addAll(leaving);
        leaving = Set.of();
        // What left meanwhile is held already.
        committing.stream().filter(DiskTier.this::isIndexed).forEach(fresh::add);
        committing = Set.of();
        for (Entry entry : List.copyOf(fresh)) {
          if (entry.file == file) {
            fresh.remove(entry);
            lose(entry);
          }
        }
      } finally {
        lock.unlock();
      }
    }

    private void lose(Entry entry) {
      Entry before = entry.before;
      while (before != null && !(before.durable && held.contains(before))) {
        before = before.before;
      }
      boolean indexed = isIndexed(entry);
      drop(entry);
      if (indexed && before != null) {
        held.remove(before);
        index(before);
        before.file.mark(before.slot, before.mark);
      }
    }

    private void finish(boolean done) {
      lock.lock();
      try {
        for (PageFile file : all) {
          file.syncing = false;
          file.named |= done;
        }
        if (done) {
          committing.forEach(
              entry -> {
                entry.durable = true;
                entry.before = null;
              });
          leaving.forEach(DiskTier::release);
        } else {
          changed = true;
          dirty.forEach(file -> file.dirty = true);
          Set<Entry> again = new LinkedHashSet<>(leaving);
          again.addAll(held);
          held = again;
          committing.stream().filter(DiskTier.this::isIndexed).forEach(fresh::add);
        }
      } finally {
        lock.unlock();
      }
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
