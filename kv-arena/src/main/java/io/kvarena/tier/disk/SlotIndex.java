package io.kvarena.tier.disk;

import io.kvarena.tier.CorruptPageException;
import io.kvarena.tier.PageKey;
import io.kvarena.tier.PageTransfer;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Which page and which record is in which slot, and when a slot may be used again. All of it is
 * guarded by the tier's lock, which is never held during I/O.
 */
final class SlotIndex {
  /*
   * Life of a slot in a durable tier:
   *
   * 1. Taken, written, then published: the index names it, its file's mark says so too; it is fresh.
   * 2. A sync copies the marks (from here on it is listed: that manifest may become durable), makes
   *    the files durable, then the manifest (now it is durable).
   * 3. Replaced or freed, a listed slot is held until a manifest without it is durable.
   *
   * If a file fails to sync, its fresh slots are lost, and what they replaced counts again: that is
   * what a restart would find. The file is retired: read, but not written any more.
   */

  private final ReentrantLock lock;
  private final boolean durable;
  private final Map<PageKey, Entry> pages = new HashMap<>();
  private final TreeMap<String, Entry> records = new TreeMap<>();
  private long generation;

  /** Something is not as the last manifest says. */
  private boolean changed;

  /** Published since the last manifest. */
  private Set<Entry> fresh = new LinkedHashSet<>();

  /** Replaced or freed, but in a manifest that a restart could find. */
  private Set<Entry> held = new LinkedHashSet<>();

  /** In the manifest that is being written: fresh before. */
  private Set<Entry> committing = new LinkedHashSet<>();

  /** Not in the manifest that is being written: held before. */
  private Set<Entry> leaving = new LinkedHashSet<>();

  SlotIndex(ReentrantLock lock, boolean durable) {
    this.lock = lock;
    this.durable = durable;
  }

  /** Takes over what a restart found. */
  void found(List<Entry> entries, long nextGeneration) {
    lock.lock();
    try {
      entries.forEach(this::put);
      generation = nextGeneration;
      changed = true;
    } finally {
      lock.unlock();
    }
  }

  /** The next generation, which no slot was given before. */
  long nextGeneration() {
    lock.lock();
    try {
      return generation++;
    } finally {
      lock.unlock();
    }
  }

  // --- what is there -----------------------------------------------------------------------------

  boolean contains(PageKey key) {
    lock.lock();
    try {
      return pages.containsKey(key);
    } finally {
      lock.unlock();
    }
  }

  List<Entry> pages() {
    lock.lock();
    try {
      return new ArrayList<>(pages.values());
    } finally {
      lock.unlock();
    }
  }

  SortedSet<String> recordNames() {
    lock.lock();
    try {
      return new TreeSet<>(records.keySet());
    } finally {
      lock.unlock();
    }
  }

  /**
   * Finds pages and keeps their slots from being used again until {@link #endReading}. Throws
   * CorruptPageException where one is not there or does not agree, which drops it.
   */
  List<Passage> beginReading(List<PageTransfer> batch) {
    List<Passage> passages = new ArrayList<>(batch.size());
    lock.lock();
    try {
      for (PageTransfer page : batch) {
        Entry entry = pages.get(page.key());
        if (entry == null) {
          throw new CorruptPageException(
              "no such page: tier=disk, key=" + page.key() + "; treated as a miss");
        }
        String difference = difference(entry, page);
        if (difference != null) {
          drop(entry);
          throw new CorruptPageException(difference);
        }
        passages.add(new Passage(entry, page.bytes()));
      }
      passages.forEach(passage -> passage.entry().readers++);
      return passages;
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

  /** Finds a record, as {@link #beginReading} does pages, and makes memory for it. */
  Optional<Passage> beginReadingRecord(String name) {
    lock.lock();
    try {
      Entry entry = records.get(name);
      if (entry == null) {
        return Optional.empty();
      }
      entry.readers++;
      return Optional.of(new Passage(entry, MemorySegment.ofArray(new byte[(int) entry.bytes])));
    } finally {
      lock.unlock();
    }
  }

  void endReading(List<Passage> passages) {
    lock.lock();
    try {
      for (Passage passage : passages) {
        Entry entry = passage.entry();
        entry.readers--;
        if (entry.released && entry.readers == 0) {
          entry.file.release(entry.slot);
        }
      }
    } finally {
      lock.unlock();
    }
  }

  // --- what changes ------------------------------------------------------------------------------

  /** Makes written slots count, all of them or, with IOException, none. */
  void publish(List<Passage> written) throws IOException {
    lock.lock();
    try {
      for (Passage passage : written) {
        if (passage.file().retired) {
          throw new IOException("a sync of the file failed: file=" + passage.file().name);
        }
      }
      for (Passage passage : written) {
        Entry entry = passage.entry();
        Entry old = put(entry);
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

  /** Gives back slots that were taken and not published. */
  void giveBack(List<Passage> unpublished) {
    lock.lock();
    try {
      unpublished.forEach(passage -> release(passage.entry()));
    } finally {
      lock.unlock();
    }
  }

  void free(Collection<PageKey> keys) {
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
  }

  void removeRecord(String name) {
    lock.lock();
    try {
      Entry entry = records.remove(name);
      if (entry != null) {
        retire(entry, null);
      }
    } finally {
      lock.unlock();
    }
  }

  /** Forgets an entry if it still counts. */
  void drop(Entry entry) {
    lock.lock();
    try {
      if (counts(entry)) {
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

  private @Nullable Entry put(Entry entry) {
    return entry.isPage() ? pages.put(entry.key, entry) : records.put(entry.recordName(), entry);
  }

  private boolean counts(Entry entry) {
    return (entry.isPage() ? pages.get(entry.key) : records.get(entry.recordName())) == entry;
  }

  /** An entry that no longer counts, maybe since another took its place. */
  private void retire(Entry old, @Nullable Entry by) {
    old.file.mark(old.slot, 0);
    fresh.remove(old);
    changed = true;
    if (old.listed) {
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

  // --- one sync at a time ------------------------------------------------------------------------

  /** Whether a sync would give slots back. */
  boolean holdsSlots() {
    lock.lock();
    try {
      return !held.isEmpty();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Begins a sync, under the tier's lock: all that counts is listed from now on. Returns the
   * generation that the manifest names as the next; empty if nothing changed since the last one.
   */
  Optional<Long> beginCommit() {
    if (!changed) {
      return Optional.empty();
    }
    changed = false;
    committing = fresh;
    fresh = new LinkedHashSet<>();
    leaving = held;
    held = new LinkedHashSet<>();
    committing.forEach(entry -> entry.listed = true);
    return Optional.of(generation);
  }

  /** The manifest is durable; under the tier's lock. */
  void committed() {
    for (Entry entry : committing) {
      entry.durable = true;
      entry.before = null;
    }
    leaving.forEach(SlotIndex::release);
    committing = new LinkedHashSet<>();
    leaving = new LinkedHashSet<>();
  }

  /** The manifest may be durable or not; under the tier's lock. Twice is as good as once. */
  void notCommitted() {
    changed = true;
    held.addAll(leaving);
    leaving = new LinkedHashSet<>();
    // What left meanwhile is held already.
    committing.stream().filter(this::counts).forEach(fresh::add);
    committing = new LinkedHashSet<>();
  }

  /**
   * Retires a file whose sync failed, under the tier's lock: what was not durable in it is lost,
   * and what that replaced counts again.
   */
  void lose(PageFile file) {
    file.retired = true;
    notCommitted();
    for (Entry entry : List.copyOf(fresh)) {
      if (entry.file == file) {
        lose(entry);
      }
    }
  }

  private void lose(Entry entry) {
    Entry before = entry.before;
    while (before != null && !(before.durable && held.contains(before))) {
      before = before.before;
    }
    drop(entry);
    if (before != null) {
      held.remove(before);
      put(before);
      before.file.mark(before.slot, before.mark);
    }
  }
}
