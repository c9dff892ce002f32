package io.kvarena.store;

import io.kvarena.memory.PageArena;
import io.kvarena.memory.PageRoom;
import io.kvarena.tier.PageKey;
import io.kvarena.tier.PageTransfer;
import io.kvarena.tier.Tier;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.ReentrantLock;
import org.agrona.collections.LongArrayList;
import org.agrona.collections.LongHashSet;

/**
 * Moves sealed pages between the arena and a tier. A page keeps its name and its references
 * wherever its bytes are.
 *
 * <p>Pages go in batches: copied to the tier, taken out of the page map, and their room given to
 * others when all attentions under way have ended. An attention reads a page that is away from a
 * copy in {@link Staging}; what a sequence will read next is loaded ahead by a few virtual threads,
 * the next layer's pages while this one's are folded. A sealed page never changes, so the copy in
 * the tier stays good when the page comes back, and the next time it goes costs nothing.
 */
final class Offload {

  /** Loads of one batch: what makes a disk's while. */
  private static final long BATCH_BYTES = 256L << 10;

  private static final int LOADERS = 3;
  private static final int REQUESTS_MAX = 4096;
  private static final byte[] NOTHING = {};

  private final PageArena arena;
  private final Tier tier;
  private final Arena slabs;
  private final Staging staging;
  private final int foldPages;
  private final Leases leases = new Leases();
  private final ReentrantLock moving = new ReentrantLock();
  private final long nonce = new SecureRandom().nextLong();
  private final BlockingQueue<Ahead> requests = new ArrayBlockingQueue<>(REQUESTS_MAX);
  private final List<Thread> loaders = new ArrayList<>();
  private final LongAdder stored = new LongAdder();
  private final LongAdder storedBytes = new LongAdder();
  private final LongAdder storeNanos = new LongAdder();
  private final LongAdder loadNanos = new LongAdder();
  private final LongAdder loadedBytes = new LongAdder();
  private final LongAdder restored = new LongAdder();

  /** Counts what may have made room. */
  private final AtomicLong moves = new AtomicLong();

  /** Pages that may be away: 0 is certain. */
  private volatile boolean used;

  private volatile boolean closed;

  /**
   * @param slabs holds the staging's memory and is closed with this
   * @param slab the staging's memory
   * @param slotBytes the largest page
   * @param threads threads that fold
   */
  Offload(
      PageArena arena, Tier tier, Arena slabs, MemorySegment slab, long slotBytes, int threads) {
    this.arena = arena;
    this.tier = tier;
    this.slabs = slabs;
    staging = new Staging(slab, arena.newSlabNumber(), slotBytes);
    // Each thread has a fold's worth in work, and as much again is on its way.
    int fair = Math.max(1, staging.slots() / (2 * threads));
    foldPages = Math.clamp(BATCH_BYTES / slotBytes, 1, fair);
    arena.onCopiedGone(this::gone);
  }

  Staging staging() {
    return staging;
  }

  Leases leases() {
    return leases;
  }

  Tier tier() {
    return tier;
  }

  /** Most pages that one fold reads from staging. */
  int foldPages() {
    return foldPages;
  }

  /** Whether any page may be away. */
  boolean isUsed() {
    return used;
  }

  /** Pages copied to the tier so far. */
  long pagesStored() {
    return stored.sum();
  }

  /** Bytes loaded from the tier so far. */
  long bytesLoaded() {
    return loadedBytes.sum();
  }

  /** Bytes a second that the tier has stored while it did so; 0 if it was not tried. */
  double storeSpeed() {
    return speed(storedBytes, storeNanos);
  }

  /** Bytes a second that the tier has loaded while it did so, on each thread; 0 if not tried. */
  double loadSpeed() {
    return speed(loadedBytes, loadNanos);
  }

  private static double speed(LongAdder bytes, LongAdder nanos) {
    long of = bytes.sum();
    return of == 0 ? 0 : 1e9 * of / Math.max(1, nanos.sum());
  }

  /** Pages brought back so far. */
  long pagesRestored() {
    return restored.sum();
  }

  /** The name of a page in the tier: its name here, and a number that no other cache has. */
  private PageKey key(long page) {
    return new PageKey(nonce, page);
  }

  private void gone(long page) {
    staging.drop(page);
    tier.free(List.of(key(page)));
  }

  // ---- out and back ----

  /**
   * Moves pages out, those that are still there and resident; the bytes that were freed. Throws
   * TierException with none of them moved.
   */
  long out(LongArrayList pages) {
    moving.lock();
    LongArrayList held = held(pages);
    try {
      copyHeld(held);
      used = true;
      List<PageRoom> rooms = new ArrayList<>();
      long bytes = 0;
      for (int i = 0; i < held.size(); i++) {
        long page = held.getLong(i);
        if (arena.isResident(page)) {
          bytes += arena.pageBytes(page);
          rooms.add(arena.vacate(page));
        }
      }
      if (!rooms.isEmpty()) {
        leases.await();
        rooms.forEach(arena::reclaim);
      }
      return bytes;
    } finally {
      release(held);
    }
  }

  /** Copies pages to the tier, those that are still there, resident and not copied before. */
  void copy(LongArrayList pages) {
    moving.lock();
    LongArrayList held = held(pages);
    try {
      copyHeld(held);
    } finally {
      release(held);
    }
  }

  /** Those of the pages that are still there, each once and with a reference. */
  private LongArrayList held(LongArrayList pages) {
    LongArrayList held = new LongArrayList();
    LongHashSet seen = new LongHashSet(pages.size());
    for (int i = 0; i < pages.size(); i++) {
      long page = pages.getLong(i);
      if (seen.add(page) && arena.tryRetain(page)) {
        held.addLong(page);
      }
    }
    return held;
  }

  /** Lets others move, once the pages that only we held have left their room. */
  private void release(LongArrayList held) {
    try {
      for (int i = 0; i < held.size(); i++) {
        arena.release(held.getLong(i));
      }
    } finally {
      moves.incrementAndGet();
      moving.unlock();
    }
  }

  /** How often pages have moved so far, each time with all that it leaves room for. */
  long moves() {
    return moves.get();
  }

  /** Waits for the moves under way; whether there have been any since {@link #moves} was that. */
  boolean awaitMoves(long since) {
    moving.lock();
    try {
      return moves.get() != since;
    } finally {
      moving.unlock();
    }
  }

  /** Called by the one thread that moves pages. */
  private void copyHeld(LongArrayList held) {
    List<PageTransfer> batch = new ArrayList<>();
    LongArrayList copied = new LongArrayList();
    long bytes = 0;
    for (int i = 0; i < held.size(); i++) {
      long page = held.getLong(i);
      if (arena.isResident(page) && !arena.isCopied(page)) {
        batch.add(PageTransfer.of(key(page), NOTHING, arena.view(page)));
        copied.addLong(page);
        bytes += arena.pageBytes(page);
      }
    }
    if (batch.isEmpty()) {
      return;
    }
    long start = System.nanoTime();
    tier.store(batch);
    storeNanos.add(System.nanoTime() - start);
    storedBytes.add(bytes);
    for (int i = 0; i < batch.size(); i++) {
      arena.copied(copied.getLong(i), batch.get(i).crc32c());
    }
    stored.add(batch.size());
  }

  /**
   * Brings pages back that the caller has references on, as far as there is room; whether all of
   * them are here.
   */
  boolean back(LongArrayList pages) {
    List<PageRoom> rooms = new ArrayList<>();
    LongArrayList coming = new LongArrayList();
    boolean complete = false;
    moving.lock();
    try {
      List<PageTransfer> batch = new ArrayList<>();
      boolean all = true;
      for (int i = 0; i < pages.size() && all; i++) {
        long page = pages.getLong(i);
        if (arena.isResident(page) || coming.containsLong(page)) {
          continue;
        }
        PageRoom room = arena.room(page);
        all = room != null;
        if (room != null) {
          rooms.add(room);
          coming.addLong(page);
          batch.add(transfer(page, room.bytes()));
        }
      }
      if (!batch.isEmpty()) {
        loadFromTier(batch);
      }
      complete = true;
      for (int i = 0; i < rooms.size(); i++) {
        arena.settle(coming.getLong(i), rooms.get(i));
      }
      restored.add(rooms.size());
      return all;
    } finally {
      if (!complete) {
        rooms.forEach(arena::reclaim);
      }
      moving.unlock();
    }
  }

  private void loadFromTier(List<PageTransfer> batch) {
    long start = System.nanoTime();
    tier.load(batch);
    loadNanos.add(System.nanoTime() - start);
    for (PageTransfer page : batch) {
      loadedBytes.add(page.bytes().byteSize());
    }
  }

  private PageTransfer transfer(long page, MemorySegment to) {
    return new PageTransfer(key(page), NOTHING, to, arena.crc32c(page));
  }

  /** Loads pages, on which the caller has references, into slots that he has claimed. */
  void load(long[] pages, int[] slots, int count) {
    List<PageTransfer> batch = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      batch.add(transfer(pages[i], staging.bytes(slots[i], arena.pageBytes(pages[i]))));
    }
    load(batch, slots);
  }

  private void load(List<PageTransfer> batch, int[] slots) {
    RuntimeException failure = null;
    try {
      loadFromTier(batch);
    } catch (RuntimeException failed) {
      failure = failed;
      throw failed;
    } finally {
      staging.loaded(slots, batch.size(), failure);
    }
  }

  /** Reads a page that is away, on which the caller has a reference. */
  void read(long page, MemorySegment to) {
    loadFromTier(List.of(transfer(page, to)));
  }

  // ---- ahead ----

  /**
   * Pages to be loaded ahead. All that it takes is noted here, so that nobody needs a reference:
   * should a page go meanwhile, the tier does not have it any more.
   */
  private record Ahead(long[] pages, long[] bytes, int[] crcs) {}

  /**
   * Asks for pages, on which the caller has references, to be in staging soon. What cannot be noted
   * is loaded when it is read.
   */
  void ahead(LongArrayList pages) {
    if (loaders.isEmpty()) {
      start();
    }
    for (int from = 0; from < pages.size(); from += foldPages) {
      int count = Math.min(foldPages, pages.size() - from);
      Ahead request = new Ahead(new long[count], new long[count], new int[count]);
      for (int i = 0; i < count; i++) {
        long page = pages.getLong(from + i);
        request.pages[i] = page;
        request.bytes[i] = arena.pageBytes(page);
        request.crcs[i] = arena.crc32c(page);
      }
      if (!requests.offer(request)) {
        return;
      }
    }
  }

  private synchronized void start() {
    if (!loaders.isEmpty()) {
      return;
    }
    for (int i = 0; i < LOADERS; i++) {
      loaders.add(Thread.ofVirtual().name("kv-arena-loader-", i).start(this::loadAhead));
    }
  }

  private void loadAhead() {
    int[] slots = new int[foldPages];
    long[] pages = new long[foldPages];
    try {
      while (!closed) {
        Ahead request = requests.take();
        for (int from = 0; from < request.pages.length && !closed; ) {
          List<PageTransfer> batch = new ArrayList<>(foldPages);
          for (; from < request.pages.length; from++) {
            long page = request.pages[from];
            boolean isAway = arena.references(page) > 0 && !arena.isResident(page);
            int slot = isAway ? staging.claimAhead(page, batch.isEmpty()) : Staging.THERE;
            if (slot == Staging.NONE) {
              break;
            }
            if (slot != Staging.THERE) {
              slots[batch.size()] = slot;
              pages[batch.size()] = page;
              MemorySegment to = staging.bytes(slot, request.bytes[from]);
              batch.add(new PageTransfer(key(page), NOTHING, to, request.crcs[from]));
            }
          }
          loadAhead(batch, slots, pages);
        }
      }
    } catch (InterruptedException stop) {
      // The cache is being closed.
    }
  }

  private void loadAhead(List<PageTransfer> batch, int[] slots, long[] pages) {
    if (batch.isEmpty()) {
      return;
    }
    try {
      load(batch, slots);
    } catch (RuntimeException failed) {
      // The fold that needs the page will meet the same, and tells its caller.
    }
    for (int i = 0; i < batch.size(); i++) {
      if (arena.references(pages[i]) == 0) {
        staging.drop(pages[i]);
      }
    }
  }

  /** Ends all loading; the cache's folds have ended before. */
  void close() {
    closed = true;
    staging.close();
    for (Thread loader : loaders) {
      loader.interrupt();
    }
    for (Thread loader : loaders) {
      try {
        loader.join();
      } catch (InterruptedException stop) {
        Thread.currentThread().interrupt();
      }
    }
    slabs.close();
  }
}
