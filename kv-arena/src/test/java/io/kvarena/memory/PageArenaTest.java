package io.kvarena.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kvarena.ClosedException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class PageArenaTest {

  private static final byte FREED = (byte) 0xa5;

  /** Four slabs of two superblocks of 16 KiB. */
  private static PageArena small() {
    return PageArena.builder(128 << 10)
        .slabBytes(32 << 10)
        .superblockBytes(16 << 10)
        .freedFill(FREED)
        .build();
  }

  @Test
  void acquire_upToTheLimit_accountsForEveryByte() {
    try (PageArena arena = small()) {
      PagePool pool = arena.newPool(1000);
      assertEquals(1024, pool.pageBytes());
      List<Long> pages = new ArrayList<>();
      for (long page = pool.acquire(); page != PageId.NONE; page = pool.acquire()) {
        pages.add(page);
      }
      assertEquals(128, pages.size());
      assertEquals(128 << 10, arena.stats().slabBytes());
      assertEquals(128 << 10, arena.stats().pageBytes());
      assertEquals(List.of(), arena.audit());
      pages.forEach(pool::release);
      assertEquals(0, arena.stats().pages());
      assertEquals(List.of(), arena.audit());
    }
  }

  @Test
  void acquire_ofReleasedMemory_isZero() {
    try (PageArena arena = small()) {
      PagePool pool = arena.newPool(512);
      PageId first = pool.fill(page -> page.fill((byte) 7)).orElseThrow();
      pool.release(first);
      long again = pool.acquire();
      MemorySegment bytes = arena.slab(again).asSlice(arena.offset(again), 512);
      for (int i = 0; i < 512; i++) {
        assertEquals(0, bytes.get(ValueLayout.JAVA_BYTE, i));
      }
    }
  }

  @Test
  void fill_whenTheWriterThrows_leavesThePageFree() {
    try (PageArena arena = small()) {
      PagePool pool = arena.newPool(512);
      assertThrows(
          IllegalStateException.class,
          () ->
              pool.fill(
                  page -> {
                    page.fill((byte) 1);
                    throw new IllegalStateException("torn");
                  }));
      assertEquals(0, pool.used());
      assertEquals(List.of(), arena.audit());
    }
  }

  @Test
  void view_ofAFilledPage_isReadOnly() {
    try (PageArena arena = small()) {
      PagePool pool = arena.newPool(256);
      PageId page = pool.fill(bytes -> bytes.set(ValueLayout.JAVA_INT, 0, 42)).orElseThrow();
      MemorySegment view = pool.view(page);
      assertEquals(42, view.get(ValueLayout.JAVA_INT, 0));
      assertThrows(IllegalArgumentException.class, () -> view.set(ValueLayout.JAVA_INT, 0, 1));
    }
  }

  @Test
  void release_twice_isRefusedAndHarmless() {
    try (PageArena arena = small()) {
      PagePool pool = arena.newPool(256);
      PageId page = pool.fill(bytes -> {}).orElseThrow();
      pool.release(page);
      ClosedException refused = assertThrows(ClosedException.class, () -> pool.release(page));
      assertEquals(
          "page is gone: page=0, generation=1; release each reference once and never use it after",
          refused.getMessage());
      assertFalse(pool.tryRetain(page));
      PageId next = pool.fill(bytes -> {}).orElseThrow();
      assertEquals(2, next.generation());
      assertFalse(pool.tryRetain(page), "the old name must not reach the page's next use");
      assertTrue(pool.tryRetain(next));
      assertEquals(2, pool.references(next));
    }
  }

  @Test
  void release_ofANameNeverGiven_isRefused() {
    try (PageArena arena = small()) {
      PagePool pool = arena.newPool(256);
      assertThrows(ClosedException.class, () -> pool.release(new PageId(4711, 1)));
      assertThrows(ClosedException.class, () -> pool.release(new PageId(-1, 1)));
      assertFalse(pool.tryRetain(new PageId(1 << 30, 1)));
    }
  }

  @Test
  void trim_ofEmptySlabs_keepsOneAndGivesTheRestBack() {
    try (PageArena arena = small()) {
      PagePool pool = arena.newPool(16 << 10);
      List<Long> pages = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        pages.add(pool.acquire());
      }
      assertEquals(4, arena.stats().slabs());
      pages.forEach(pool::release);
      assertEquals(3, arena.trim(Duration.ZERO));
      assertEquals(1, arena.stats().slabs());
      assertEquals(32 << 10, arena.stats().slabBytes());
      assertEquals(List.of(), arena.audit());
      assertTrue(pool.acquire() != PageId.NONE);
    }
  }

  @Test
  void maintenance_afterAWhile_givesEmptySlabsBack() throws InterruptedException {
    try (PageArena arena =
        PageArena.builder(128 << 10)
            .slabBytes(32 << 10)
            .superblockBytes(16 << 10)
            .emptyFor(Duration.ofMillis(20))
            .build()) {
      PagePool pool = arena.newPool(16 << 10);
      List<Long> pages = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        pages.add(pool.acquire());
      }
      pages.forEach(pool::release);
      // Waits for the event, not for a time; a thread that never comes fails the build's limit.
      while (arena.stats().slabsClosed() < 3) {
        Thread.sleep(5);
      }
      assertEquals(1, arena.stats().slabs());
    }
  }

  @Test
  void pools_ofDifferentSizes_shareSlabs() {
    try (PageArena arena = small()) {
      PagePool narrow = arena.newPool(128);
      PagePool wide = arena.newPool(5000);
      long a = narrow.acquire();
      long b = wide.acquire();
      assertEquals(1, arena.stats().slabs());
      assertEquals((16 << 10) % 5120, arena.stats().wasteBytes());
      narrow.release(a);
      wide.release(b);
      assertEquals(List.of(), arena.audit());
    }
  }

  @Test
  void arena_smallerThanASuperblock_isRefused() {
    IllegalArgumentException refused =
        assertThrows(IllegalArgumentException.class, () -> PageArena.builder(1000).build());
    assertEquals(
        "the arena is smaller than one superblock: maxBytes=1000, superblockBytes=2097152; raise"
            + " maxBytes or lower superblockBytes",
        refused.getMessage());
  }

  @Test
  void newPool_ofPagesLargerThanASuperblock_isRefused() {
    try (PageArena arena = small()) {
      IllegalArgumentException refused =
          assertThrows(IllegalArgumentException.class, () -> arena.newPool(20_000));
      assertEquals(
          "a page does not fit into a superblock: pageBytes=20096, superblockBytes=16384; raise"
              + " superblockBytes",
          refused.getMessage());
    }
  }

  @Test
  void anything_afterClose_isRefused() {
    PageArena arena = small();
    PagePool pool = arena.newPool(256);
    arena.close();
    arena.close();
    assertThrows(ClosedException.class, pool::acquire);
    assertThrows(ClosedException.class, () -> arena.newPool(256));
  }

  /** A map of page to reference count and stamp is the oracle; pages never overlap. */
  @Test
  void randomActions_againstAMap_neverLoseOrMixAPage() {
    for (long seed = 1; seed <= 10; seed++) {
      Random random = new Random(seed);
      try (PageArena arena = small()) {
        PagePool[] pools = {arena.newPool(128), arena.newPool(1500), arena.newPool(9000)};
        Map<Long, Integer> references = new HashMap<>();
        Map<Long, Integer> poolOf = new HashMap<>();
        Map<Long, Long> stamps = new HashMap<>();
        for (int step = 0; step < 1500; step++) {
          if (random.nextInt(5) < 2 || references.isEmpty()) {
            int number = random.nextInt(3);
            long page = pools[number].acquire();
            if (page != PageId.NONE) {
              long stamp = random.nextLong();
              stamp(arena, page, pools[number].pageBytes(), stamp);
              references.put(page, 1);
              poolOf.put(page, number);
              stamps.put(page, stamp);
            }
            continue;
          }
          List<Long> pages = List.copyOf(references.keySet());
          long page = pages.get(random.nextInt(pages.size()));
          PagePool pool = pools[poolOf.get(page)];
          checkStamp(arena, page, pool.pageBytes(), stamps.get(page), seed);
          if (random.nextBoolean()) {
            assertTrue(pool.tryRetain(page));
            references.merge(page, 1, Integer::sum);
          } else {
            pool.release(page);
            if (references.merge(page, -1, Integer::sum) == 0) {
              references.remove(page);
            }
          }
          if (random.nextInt(200) == 0) {
            arena.trim(Duration.ZERO);
          }
        }
        assertEquals(references.size(), arena.stats().pages(), "seed=" + seed);
        assertEquals(List.of(), arena.audit(), "seed=" + seed);
      }
    }
  }

  private static void stamp(PageArena arena, long page, long bytes, long stamp) {
    for (long at = 0; at < bytes; at += 8) {
      arena.slab(page).set(ValueLayout.JAVA_LONG, arena.offset(page) + at, stamp);
    }
  }

  private static void checkStamp(PageArena arena, long page, long bytes, long stamp, long seed) {
    for (long at = 0; at < bytes; at += 8) {
      assertEquals(
          stamp,
          arena.slab(page).get(ValueLayout.JAVA_LONG, arena.offset(page) + at),
          "seed=" + seed);
    }
  }
}
