package io.kvarena.memory;

import io.kvarena.ClosedException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongConsumer;
import java.util.function.LongSupplier;
import org.agrona.concurrent.Agent;
import org.agrona.concurrent.AgentRunner;
import org.agrona.concurrent.SleepingMillisIdleStrategy;
import org.jspecify.annotations.Nullable;

/**
 * Native memory for pages: a few large shared slabs, taken as they are needed up to a limit, cut
 * into superblocks that are lent to one {@link PagePool} for each page size.
 *
 * <p>Slabs are few because closing a shared arena is a handshake with every thread of the JVM. A
 * slab that has stood empty for a while is closed by a maintenance thread; one is always kept.
 */
public final class PageArena implements AutoCloseable {

  private static final long SLAB_BYTES_MAX = 1L << 30;
  private static final MemorySegment ZEROS = MemorySegment.ofArray(new byte[1 << 16]);
  private static final AtomicInteger SLAB_NUMBERS = new AtomicInteger();

  private final long maxBytes;
  private final long slabBytes;
  private final long superblockBytes;
  private final SlabSource source;
  private final Duration emptyFor;
  private final boolean painted;
  private final MemorySegment freedFill;

  private final ReentrantLock lock = new ReentrantLock();
  private final PageMap map = new PageMap();
  private final List<Slab> slabs = new ArrayList<>();
  private final List<PagePool> pools = new ArrayList<>();
  private int pagesPerSuperblockMax;
  private long heldBytes;
  private long opened;
  private long closedSlabs;
  private volatile boolean closed;
  private volatile LongConsumer copiedGone = page -> {};
  private @Nullable AgentRunner maintenance;
  private @Nullable Thread maintenanceThread;

  private PageArena(Builder builder) {
    superblockBytes = roundUp(builder.superblockBytes, SlabSource.ALIGNMENT);
    maxBytes = builder.maxBytes / superblockBytes * superblockBytes;
    slabBytes =
        Math.max(
            superblockBytes,
            Math.min(SLAB_BYTES_MAX, builder.slabBytes) / superblockBytes * superblockBytes);
    source = builder.source;
    emptyFor = builder.emptyFor;
    painted = builder.freedFill != 0;
    if (!painted) {
      freedFill = ZEROS;
    } else {
      byte[] fill = new byte[1 << 16];
      java.util.Arrays.fill(fill, builder.freedFill);
      freedFill = MemorySegment.ofArray(fill);
    }
    if (maxBytes < superblockBytes) {
      throw new IllegalArgumentException(
          "the arena is smaller than one superblock: maxBytes="
              + builder.maxBytes
              + ", superblockBytes="
              + superblockBytes
              + "; raise maxBytes or lower superblockBytes");
    }
  }

  /** An arena of at most {@code maxBytes}. */
  public static Builder builder(long maxBytes) {
    return new Builder(maxBytes);
  }

  /** How an arena is set up. */
  public static final class Builder {
    private final long maxBytes;
    private long slabBytes = 64L << 20;
    private long superblockBytes = 2L << 20;
    private SlabSource source = SlabSource.JVM;
    private Duration emptyFor = Duration.ofSeconds(10);
    private byte freedFill;

    private Builder(long maxBytes) {
      this.maxBytes = maxBytes;
    }

    /** Size of a slab, at most 1 GiB; 64 MiB if not set. */
    public Builder slabBytes(long bytes) {
      slabBytes = bytes;
      return this;
    }

    /** What a pool borrows at a time and the largest page; 2 MiB if not set. */
    public Builder superblockBytes(long bytes) {
      if (bytes < SlabSource.ALIGNMENT || bytes > SLAB_BYTES_MAX) {
        throw new IllegalArgumentException(
            "superblocks are 4 KiB to 1 GiB: superblockBytes=" + bytes + "; 2 MiB is the default");
      }
      superblockBytes = bytes;
      return this;
    }

    /** Where slabs come from; the JVM if not set. */
    public Builder source(SlabSource slabSource) {
      source = slabSource;
      return this;
    }

    /** How long a slab stands empty before it is given back; 10 s if not set. */
    public Builder emptyFor(Duration duration) {
      emptyFor = duration;
      return this;
    }

    /** What freed pages are overwritten with: 0 unless a test wants to recognise them. */
    public Builder freedFill(byte fill) {
      freedFill = fill;
      return this;
    }

    public PageArena build() {
      return new PageArena(this);
    }
  }

  /** A new pool of pages of {@code bytes}, rounded up to 128. */
  public PagePool newPool(long bytes) {
    long pageBytes = roundUp(Math.max(bytes, 1), 128);
    if (pageBytes > superblockBytes) {
      throw new IllegalArgumentException(
          "a page does not fit into a superblock: pageBytes="
              + pageBytes
              + ", superblockBytes="
              + superblockBytes
              + "; raise superblockBytes");
    }
    lock.lock();
    try {
      checkOpen();
      PagePool pool = new PagePool(this, pageBytes);
      pools.add(pool);
      pagesPerSuperblockMax = Math.max(pagesPerSuperblockMax, pool.pagesPerSuperblock());
      return pool;
    } finally {
      lock.unlock();
    }
  }

  /** The slab that holds a page on which the caller has a reference. */
  public MemorySegment slab(long page) {
    return map.block(page).slab.segment;
  }

  /** The number of the slab that holds a page on which the caller has a reference. */
  public int slabNumber(long page) {
    return map.block(page).slab.number;
  }

  /** Where the page lies in its slab, given by a caller who has a reference. */
  public long offset(long page) {
    return map.block(page).pageOffset(map.slot(page));
  }

  /**
   * Finds the bytes of a page on which the caller has a reference; false if they are not here. A
   * place that was found stays good as long as nobody reclaims it: see {@link #vacate}.
   */
  public boolean find(long page, PagePlace place) {
    Superblock block = map.blockOf(page);
    if (block == null) {
      return false;
    }
    place.slab = block.slab.segment;
    place.slabNumber = block.slab.number;
    place.offset = block.pageOffset(map.slot(page));
    return true;
  }

  /** Takes another reference; false when the page is gone. */
  public boolean tryRetain(long page) {
    return map.knows(page) && map.tryRetain(page);
  }

  /** Drops a reference. */
  public void release(long page) {
    PagePool pool = map.knows(page) ? map.pool(page) : null;
    if (pool == null) {
      throw gone(page);
    }
    release(pool, page);
  }

  /** The bytes of a page, read-only, that are here and on which the caller has a reference. */
  public MemorySegment view(long page) {
    return slab(page).asSlice(offset(page), pageBytes(page)).asReadOnly();
  }

  /** A number for memory beside the arena's slabs that kernels read as if it were one. */
  public int newSlabNumber() {
    return SLAB_NUMBERS.incrementAndGet();
  }

  /** Whether the bytes of a page on which the caller has a reference are here. */
  public boolean isResident(long page) {
    return map.blockOf(page) != null;
  }

  /** Bytes of a page on which the caller has a reference, wherever they are. */
  public long pageBytes(long page) {
    PagePool pool = map.pool(page);
    if (pool == null) {
      throw gone(page);
    }
    return pool.pageBytes();
  }

  /**
   * Takes the bytes of a page away, on which the caller has a reference and of which a copy is kept
   * elsewhere. Its name and its references stay. One thread at a time moves pages.
   *
   * @return the room, to be handed to {@link #reclaim} when all who found the page before are done
   */
  public PageRoom vacate(long page) {
    Superblock block = map.block(page);
    PagePool pool = map.pool(page);
    if (pool == null) {
      throw gone(page);
    }
    PageRoom room = new PageRoom(pool, block, map.slot(page));
    map.leave(page);
    lock.lock();
    try {
      pool.away++;
    } finally {
      lock.unlock();
    }
    return room;
  }

  /** Wipes room that no page has, and gives it to others. */
  public void reclaim(PageRoom room) {
    overwrite(
        room.block.slab.segment,
        room.block.pageOffset(room.slot),
        room.pool.pageBytes(),
        freedFill);
    lock.lock();
    try {
      giveBack(room.pool, room.block, room.slot);
    } finally {
      lock.unlock();
    }
  }

  /** Room for the bytes of a page, on which the caller has a reference; null if there is none. */
  public @Nullable PageRoom room(long page) {
    PagePool pool = map.pool(page);
    if (pool == null) {
      throw gone(page);
    }
    lock.lock();
    try {
      checkOpen();
      if (pool.withFree.isEmpty() && !lend(pool)) {
        return null;
      }
      Superblock block = pool.withFree.getLast();
      return new PageRoom(pool, block, take(pool, block));
    } finally {
      lock.unlock();
    }
  }

  /**
   * Brings a page back, on which the caller has a reference, into room that was filled with its
   * bytes. One thread at a time moves pages.
   */
  public void settle(long page, PageRoom room) {
    lock.lock();
    try {
      room.pool.away--;
    } finally {
      lock.unlock();
    }
    map.come(page, room.block, room.slot);
  }

  /** Whether a copy of a page is kept elsewhere, on which the caller has a reference. */
  public boolean isCopied(long page) {
    return map.isCopied(page);
  }

  /** Notes that a copy of a page is kept elsewhere. One thread at a time moves pages. */
  public void copied(long page, int crc32c) {
    map.copied(page, crc32c);
  }

  /** The checksum that was noted with the copy of a page. */
  public int crc32c(long page) {
    return map.crc32c(page);
  }

  /** Sets who is told the packed names of pages that went and of which a copy is kept. */
  public void onCopiedGone(LongConsumer listener) {
    copiedGone = listener;
  }

  /** References of a page by its packed name, 0 if it is gone. */
  public int references(long page) {
    return map.knows(page) ? map.references(page) : 0;
  }

  /** Wipes a page on which the caller has the only reference, so that it may be written anew. */
  public void wipe(PagePool pool, long page) {
    checkOwner(pool, page);
    overwrite(slab(page), offset(page), pool.pageBytes(), ZEROS);
  }

  long superblockBytes() {
    return superblockBytes;
  }

  PageMap map() {
    return map;
  }

  long acquire(PagePool pool) {
    long page;
    lock.lock();
    try {
      checkOpen();
      if (pool.withFree.isEmpty() && !lend(pool)) {
        return PageId.NONE;
      }
      Superblock block = pool.withFree.getLast();
      page = map.add(pool, block, take(pool, block));
    } finally {
      lock.unlock();
    }
    if (painted) {
      overwrite(slab(page), offset(page), pool.pageBytes(), ZEROS);
    }
    return page;
  }

  /** Takes a slot of the last superblock of a pool that has free ones. */
  private static int take(PagePool pool, Superblock block) {
    int slot = block.take();
    if (!block.hasFree()) {
      pool.withFree.removeLast();
      block.place = -1;
    }
    pool.used++;
    return slot;
  }

  private void giveBack(PagePool pool, Superblock block, int slot) {
    block.giveBack(slot);
    pool.used--;
    if (block.place < 0) {
      block.place = pool.withFree.size();
      pool.withFree.add(block);
    }
    // The last superblock of a pool stays, or a page that comes and goes would move it each time.
    if (block.isEmpty() && pool.superblocks > 1) {
      takeBack(pool, block);
    }
  }

  /** Lends the pool a superblock, from a new slab if need be; false at the limit. */
  private boolean lend(PagePool pool) {
    Slab slab = null;
    for (int i = 0; slab == null && i < slabs.size(); i++) {
      slab = slabs.get(i).hasFree() ? slabs.get(i) : null;
    }
    if (slab == null) {
      slab = open();
      if (slab == null) {
        return false;
      }
    }
    Superblock block = slab.take();
    block.lend(pool, pagesPerSuperblockMax);
    pool.superblocks++;
    block.place = pool.withFree.size();
    pool.withFree.add(block);
    return true;
  }

  private @Nullable Slab open() {
    long bytes = Math.min(slabBytes, maxBytes - heldBytes);
    if (bytes < superblockBytes) {
      return null;
    }
    Arena arena = Arena.ofShared();
    MemorySegment segment;
    try {
      segment = source.allocate(bytes, arena);
    } catch (RuntimeException | Error failed) {
      arena.close();
      throw failed;
    }
    if (painted) {
      overwrite(segment, 0, bytes, freedFill);
    }
    Slab slab = new Slab(SLAB_NUMBERS.incrementAndGet(), arena, segment, superblockBytes);
    slabs.add(slab);
    heldBytes += bytes;
    opened++;
    return slab;
  }

  /** Throws unless the page is there and one of this pool's. */
  void checkOwner(PagePool pool, long page) {
    if (references(page) == 0) {
      throw gone(page);
    }
    if (map.pool(page) != pool) {
      throw new IllegalArgumentException(
          "a page of another pool: page="
              + PageId.index(page)
              + ", pageBytes="
              + pool.pageBytes()
              + "; give a page to the pool that it came from");
    }
  }

  void release(PagePool pool, long page) {
    checkOwner(pool, page);
    int left = map.release(page);
    if (left < 0) {
      throw gone(page);
    }
    if (left > 0) {
      return;
    }
    // Nobody else can reach the page now; wiping needs no lock.
    Superblock block = map.blockOf(page);
    boolean copied = map.isCopied(page);
    if (block != null) {
      overwrite(block.slab.segment, offset(page), pool.pageBytes(), freedFill);
    }
    lock.lock();
    try {
      if (block != null) {
        giveBack(pool, block, map.slot(page));
      } else {
        pool.away--;
      }
      map.free(page);
    } finally {
      lock.unlock();
    }
    if (copied) {
      copiedGone.accept(page);
    }
  }

  private void takeBack(PagePool pool, Superblock block) {
    Superblock last = pool.withFree.removeLast();
    if (last != block) {
      last.place = block.place;
      pool.withFree.set(block.place, last);
    }
    pool.superblocks--;
    block.slab.giveBack(block);
    if (block.slab.isEmpty() && slabs.size() > 1 && maintenance == null) {
      startMaintenance();
    }
  }

  private void startMaintenance() {
    Agent agent =
        new Agent() {
          @Override
          public int doWork() {
            return trim(emptyFor);
          }

          @Override
          public String roleName() {
            return "kv-arena-maintenance";
          }
        };
    long pauseMillis = Math.clamp(emptyFor.toMillis() / 4, 10, 1000);
    maintenance =
        new AgentRunner(new SleepingMillisIdleStrategy(pauseMillis), error -> {}, null, agent);
    maintenanceThread =
        AgentRunner.startOnThread(
            maintenance,
            task -> {
              Thread thread = new Thread(task);
              thread.setDaemon(true);
              return thread;
            });
  }

  /**
   * Gives back the slabs that have stood empty for {@code longEnough}, all but the last. Closing
   * takes a handshake with every thread, so callers on a hot path leave this to the maintenance
   * thread. Returns how many were closed.
   */
  public int trim(Duration longEnough) {
    List<Slab> empty = new ArrayList<>();
    lock.lock();
    try {
      if (closed) {
        return 0;
      }
      for (int i = slabs.size() - 1; i >= 0 && slabs.size() > 1; i--) {
        Slab slab = slabs.get(i);
        if (slab.isEmpty() && slab.emptyNanos() >= longEnough.toNanos()) {
          slabs.remove(i);
          heldBytes -= slab.segment.byteSize();
          closedSlabs++;
          empty.add(slab);
        }
      }
    } finally {
      lock.unlock();
    }
    empty.forEach(slab -> slab.arena.close());
    return empty.size();
  }

  /** Where every byte is. */
  public ArenaStats stats() {
    lock.lock();
    try {
      long pages = 0;
      long pageBytes = 0;
      long freePageBytes = 0;
      long wasteBytes = 0;
      long away = 0;
      long awayBytes = 0;
      for (PagePool pool : pools) {
        long all = (long) pool.superblocks * pool.pagesPerSuperblock();
        pages += pool.used;
        pageBytes += pool.used * pool.pageBytes();
        away += pool.away;
        awayBytes += pool.away * pool.pageBytes();
        freePageBytes += (all - pool.used) * pool.pageBytes();
        wasteBytes += pool.superblocks * superblockBytes - all * pool.pageBytes();
      }
      long freeSuperblockBytes =
          slabs.stream().mapToLong(slab -> slab.freeCount() * superblockBytes).sum();
      return new ArenaStats(
          maxBytes,
          slabs.size(),
          heldBytes,
          pages,
          pageBytes,
          freePageBytes,
          wasteBytes,
          freeSuperblockBytes,
          away,
          awayBytes,
          map.bytes(),
          opened,
          closedSlabs);
    } finally {
      lock.unlock();
    }
  }

  /**
   * What is wrong with the arena's books, a sentence each; empty when all is well. Reads every free
   * byte: for tests and for doctors.
   */
  public List<String> audit() {
    List<String> wrong = new ArrayList<>();
    ArenaStats stats = stats();
    long sum =
        stats.pageBytes()
            + stats.freePageBytes()
            + stats.wasteBytes()
            + stats.freeSuperblockBytes();
    if (sum != stats.slabBytes()) {
      wrong.add("bytes are lost: accounted=" + sum + ", held=" + stats.slabBytes());
    }
    lock.lock();
    try {
      long used = stats.pages() + stats.pagesAway();
      if (map.used() != used) {
        wrong.add("pages are lost: mapped=" + map.used() + ", used=" + used);
      }
      for (PagePool pool : pools) {
        for (Superblock block : pool.withFree) {
          for (int i = 0; i < block.freeCount(); i++) {
            long at = block.pageOffset(block.freeSlot(i));
            checkFill(block.slab, at, pool.pageBytes(), wrong);
          }
        }
      }
      for (Slab slab : slabs) {
        for (long offset : slab.freeOffsets()) {
          checkFill(slab, offset, superblockBytes, wrong);
        }
      }
    } finally {
      lock.unlock();
    }
    return wrong;
  }

  private void checkFill(Slab slab, long offset, long bytes, List<String> wrong) {
    for (long at = 0; at < bytes; at += freedFill.byteSize()) {
      long piece = Math.min(freedFill.byteSize(), bytes - at);
      long differs =
          MemorySegment.mismatch(
              slab.segment, offset + at, offset + at + piece, freedFill, 0, piece);
      if (differs >= 0) {
        wrong.add(
            "a free page was written: slab=" + slab.number + ", offset=" + (offset + at + differs));
        return;
      }
    }
  }

  /** Closes every slab. Pages must not be used any more, by anyone. */
  @Override
  public void close() {
    AgentRunner runner;
    Thread thread;
    lock.lock();
    try {
      if (closed) {
        return;
      }
      closed = true;
      runner = maintenance;
      thread = maintenanceThread;
    } finally {
      lock.unlock();
    }
    if (runner != null && thread != null) {
      // It sleeps for up to a second between two looks, and closing waits for it.
      thread.interrupt();
      runner.close();
    }
    List<Slab> last;
    lock.lock();
    try {
      last = List.copyOf(slabs);
      slabs.clear();
    } finally {
      lock.unlock();
    }
    last.forEach(slab -> slab.arena.close());
  }

  long locked(LongSupplier question) {
    lock.lock();
    try {
      return question.getAsLong();
    } finally {
      lock.unlock();
    }
  }

  private void checkOpen() {
    if (closed) {
      throw new ClosedException("arena is closed: maxBytes=" + maxBytes + "; build a new one");
    }
  }

  static ClosedException gone(long page) {
    return new ClosedException(
        "page is gone: page="
            + PageId.index(page)
            + ", generation="
            + PageId.generation(page)
            + "; release each reference once and never use it after");
  }

  /** Overwrites without making a slice: pages come and go while tokens are generated. */
  private static void overwrite(MemorySegment slab, long offset, long bytes, MemorySegment with) {
    for (long at = 0; at < bytes; at += with.byteSize()) {
      MemorySegment.copy(with, 0, slab, offset + at, Math.min(with.byteSize(), bytes - at));
    }
  }

  private static long roundUp(long value, long multiple) {
    return (value + multiple - 1) / multiple * multiple;
  }
}
