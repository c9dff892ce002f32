package io.kvarena.opencl;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kvarena.KvCache;
import io.kvarena.KvCacheBuilder;
import io.kvarena.KvSequence;
import io.kvarena.KvShape;
import io.kvarena.LayerShape;
import io.kvarena.Rope;
import io.kvarena.attention.ScalarKernel;
import io.kvarena.fixtures.cache.TokenRows;
import io.kvarena.fixtures.tier.MapTier;
import io.kvarena.format.Formats;
import io.kvarena.tier.CorruptPageException;
import io.kvarena.tier.PageKey;
import io.kvarena.tier.PageTransfer;
import io.kvarena.tier.Tier;
import io.kvarena.tier.TierException;
import io.kvarena.tier.TierFullException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.Test;

/** Pages in a device's memory; PoCL's, which is the host's, is treated as another one. */
class DeviceTierTest {

  private static final int[] SIZES = {128, 4096, 5000, 70_000};

  private static DeviceTier tier(long maxBytes) {
    return new DeviceTier(ClDevices.all().getFirst(), maxBytes);
  }

  private static MemorySegment random(Arena arena, int bytes, Random random) {
    byte[] content = new byte[bytes];
    random.nextBytes(content);
    return arena.allocate(bytes, 128).copyFrom(MemorySegment.ofArray(content));
  }

  private static String answer(Runnable call) {
    try {
      call.run();
      return "";
    } catch (CorruptPageException missed) {
      return "missed";
    }
  }

  @Test
  void tier_underRandomCalls_isAsItsSpecification() {
    Random random = new Random(1);
    MapTier map = new MapTier();
    try (DeviceTier device = tier(64L << 20);
        Arena arena = Arena.ofShared()) {
      for (int i = 0; i < 3000; i++) {
        int size = SIZES[random.nextInt(SIZES.length)];
        PageKey key = new PageKey(1, random.nextInt(60));
        byte[] about = {(byte) random.nextInt(2)};
        switch (random.nextInt(4)) {
          case 0, 1 -> {
            PageTransfer page = PageTransfer.of(key, about, random(arena, size, random));
            map.store(List.of(page));
            device.store(List.of(page));
          }
          case 2 -> {
            MemorySegment mine = arena.allocate(size, 128);
            MemorySegment theirs = arena.allocate(size, 128);
            int[] crc = {0};
            map.pages((stored, of, bytes, crc32c) -> crc[0] = stored.equals(key) ? crc32c : crc[0]);
            String expected =
                answer(() -> map.load(List.of(new PageTransfer(key, about, theirs, crc[0]))));
            String found =
                answer(() -> device.load(List.of(new PageTransfer(key, about, mine, crc[0]))));
            assertEquals(expected, found);
            if (found.isEmpty()) {
              assertEquals(-1, mine.mismatch(theirs));
            }
          }
          default -> {
            map.free(List.of(key));
            device.free(List.of(key));
          }
        }
        assertEquals(map.contains(key), device.contains(key));
      }
      assertTrue(device.usedBytes() <= device.maxBytes());
    }
  }

  @Test
  void store_beyondTheLimit_isRefusedWithNothingStored() {
    Random random = new Random(2);
    try (DeviceTier device = tier(4L << 20);
        Arena arena = Arena.ofShared()) {
      List<PageTransfer> batch = new ArrayList<>();
      for (int i = 0; i < 70; i++) {
        batch.add(PageTransfer.of(new PageKey(2, i), new byte[0], random(arena, 70_000, random)));
      }
      assertEquals(
          "tier is full: tier=device, maxBytes=4194304, usedBytes=4194304, pageBytes=70016; free"
              + " pages or enlarge it",
          assertThrows(TierFullException.class, () -> device.store(batch)).getMessage());
      batch.forEach(page -> assertTrue(!device.contains(page.key())));
      device.store(batch.subList(0, 58));
      device.free(batch.stream().map(PageTransfer::key).toList());
      device.store(batch.subList(12, 70));
      device.load(batch.subList(12, 70));
    }
  }

  @Test
  void load_afterClose_isRefused() {
    DeviceTier device = tier(4L << 20);
    device.close();
    device.close();
    PageTransfer page =
        PageTransfer.of(new PageKey(4, 4), new byte[0], Arena.ofAuto().allocate(128));
    assertEquals(
        "tier is closed: tier=device; open another one",
        assertThrows(TierException.class, () -> device.load(List.of(page))).getMessage());
  }

  @Test
  void calls_onManyThreads_giveEachPageOrNone() throws InterruptedException {
    ConcurrentLinkedQueue<Throwable> failures = new ConcurrentLinkedQueue<>();
    try (DeviceTier device = tier(64L << 20)) {
      List<Thread> threads = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        Random random = new Random(i);
        Thread thread = new Thread(() -> hammer(device, random));
        thread.setUncaughtExceptionHandler((which, failure) -> failures.add(failure));
        threads.add(thread);
        thread.start();
      }
      for (Thread thread : threads) {
        thread.join();
      }
    }
    assertEquals(List.of(), List.copyOf(failures));
  }

  /** Stores, loads and frees pages that say which they are. */
  private static void hammer(Tier tier, Random random) {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment bytes = arena.allocate(8192, 128);
      for (int i = 0; i < 400; i++) {
        int number = random.nextInt(8);
        bytes.fill((byte) number);
        PageTransfer page = PageTransfer.of(new PageKey(3, number), new byte[0], bytes);
        switch (random.nextInt(4)) {
          case 0 -> tier.free(List.of(page.key()));
          case 1 -> tier.store(List.of(page));
          default -> {
            bytes.fill((byte) 99);
            if (answer(() -> tier.load(List.of(page))).isEmpty()) {
              assertEquals(number, bytes.get(ValueLayout.JAVA_BYTE, random.nextInt(8192)));
            }
          }
        }
      }
    }
  }

  @Test
  void sequence_largerThanMemory_givesTheSameBitsFromTheDevice() {
    LayerShape layer = LayerShape.of(2, 2, 16, Rope.of(Rope.Pairing.HALF, 16, 10_000));
    KvShape shape = KvShape.uniform(2, layer);
    KvCacheBuilder builder =
        KvCache.builder(shape)
            .keys(Formats.Q8_0)
            .values(Formats.Q4_0)
            .pageTokens(8)
            .superblockBytes(4096)
            .kernel(new ScalarKernel())
            .threads(2);
    TokenRows rows = new TokenRows(shape, 4);
    List<float[]> expected;
    try (KvCache cache = builder.maxBytes(8L << 20).build();
        KvSequence sequence = cache.open()) {
      expected = rows.feed(sequence, 0, 600, 20);
    }
    try (DeviceTier device = tier(8L << 20);
        KvCache cache = builder.maxBytes(48L << 10).stagingBytes(16L << 10).tier(device).build();
        KvSequence sequence = cache.open()) {
      List<float[]> found = rows.feed(sequence, 0, 600, 20);
      for (int of = 0; of < found.size(); of++) {
        assertArrayEquals(expected.get(of), found.get(of));
      }
      assertTrue(cache.stats().offloadedBytes() > 48 << 10, "away: " + cache.stats());
    }
  }
}
