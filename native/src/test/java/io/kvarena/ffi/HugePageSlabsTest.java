package io.kvarena.ffi;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.kvarena.memory.PageArena;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class HugePageSlabsTest {

  private static final long HUGE = 2L << 20;

  private static boolean isMapped(long address) throws java.io.IOException {
    try (var lines = Files.lines(Path.of("/proc/self/maps"))) {
      return lines
          .map(line -> line.substring(0, line.indexOf(' ')).split("-"))
          .anyMatch(
              range ->
                  Long.parseUnsignedLong(range[0], 16) <= address
                      && address < Long.parseUnsignedLong(range[1], 16));
    }
  }

  @Test
  void allocate_anySize_isAlignedZeroedAndExact() {
    for (long bytes : new long[] {1, 4096, 5000, HUGE, 3 * HUGE + 12345}) {
      try (Arena arena = Arena.ofShared()) {
        MemorySegment slab = new HugePageSlabs().allocate(bytes, arena);
        assertEquals(bytes, slab.byteSize());
        assertEquals(0, slab.address() % HUGE);
        assertEquals(-1, slab.mismatch(MemorySegment.ofArray(new byte[(int) bytes])));
        slab.fill((byte) 0x5a);
        assertEquals(0x5a, slab.get(JAVA_BYTE, bytes - 1));
      }
    }
  }

  @Test
  void close_unmapsTheSlabAndOnlyThen() throws Exception {
    long address;
    try (Arena arena = Arena.ofShared()) {
      address = new HugePageSlabs().allocate(HUGE, arena).address();
      assertEquals(true, isMapped(address));
      assertEquals(true, isMapped(address + HUGE - 1));
    }
    assertEquals(false, isMapped(address));
  }

  @Test
  void allocate_moreThanThereIs_saysWhichKnobToTurn() {
    try (Arena arena = Arena.ofShared()) {
      long bytes = 1L << 50;
      var error =
          assertThrows(OutOfMemoryError.class, () -> new HugePageSlabs().allocate(bytes, arena));
      assertEquals(
          "no memory for a slab: call=mmap, bytes="
              + (bytes + HUGE)
              + ", errno=12; lower the arena's limit or the size of its slabs",
          error.getMessage());
    }
  }

  @Test
  void allocate_noBytes_isRefused() {
    try (Arena arena = Arena.ofShared()) {
      var refused =
          assertThrows(
              IllegalArgumentException.class, () -> new HugePageSlabs().allocate(0, arena));
      assertEquals("a slab has bytes: bytes=0; ask for more", refused.getMessage());
    }
  }

  @Test
  void pageArena_onHugePages_keepsItsBooks() {
    try (PageArena arena =
        PageArena.builder(8L << 20).slabBytes(4L << 20).source(new HugePageSlabs()).build()) {
      var pool = arena.newPool(34816);
      assertEquals(java.util.List.of(), arena.audit());
      assertEquals(34816, pool.pageBytes());
    }
  }
}
