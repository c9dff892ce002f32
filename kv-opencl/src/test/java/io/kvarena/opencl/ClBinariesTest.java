package io.kvarena.opencl;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ClBinariesTest {

  private static final byte[] BINARY = {1, 2, 3, 4, 5, 6, 7, 8, 9};

  @TempDir private Path temporary;

  private Path folder() {
    return temporary.resolve("made").resolve("when-needed");
  }

  private ClBinaries binaries() {
    return new ClBinaries(folder(), 1 << 20);
  }

  private List<Path> files() throws IOException {
    try (Stream<Path> all = Files.list(folder())) {
      return all.sorted().toList();
    }
  }

  @Test
  void find_ofWhatWasKept_isTheSameInAnotherProcess() throws IOException {
    assertTrue(binaries().find("a").isEmpty());
    binaries().keep("a", BINARY);
    assertArrayEquals(BINARY, binaries().find("a").orElseThrow());
    assertTrue(binaries().find("b").isEmpty());
    assertEquals(1, files().size(), "nothing half written is left");
    if (Files.getFileStore(folder()).supportsFileAttributeView("posix")) {
      assertEquals(
          "rwx------", PosixFilePermissions.toString(Files.getPosixFilePermissions(folder())));
    }
  }

  @Test
  void find_ofADamagedFile_isNothingAndDeletesIt() throws IOException {
    binaries().keep("a", BINARY);
    byte[] whole = Files.readAllBytes(files().getFirst());
    for (int at = 0; at < whole.length; at++) {
      byte[] flipped = whole.clone();
      flipped[at] ^= 0x10;
      assertRefused(flipped, "flipped byte " + at);
      assertRefused(Arrays.copyOf(whole, at), "cut to " + at);
    }
    assertRefused(Arrays.copyOf(whole, whole.length + 1), "a byte more");
    binaries().keep("a", BINARY);
    assertArrayEquals(BINARY, binaries().find("a").orElseThrow());
  }

  private void assertRefused(byte[] content, String what) throws IOException {
    Path file = folder().resolve("a.clbin");
    Files.write(file, content);
    assertTrue(binaries().find("a").isEmpty(), what);
    assertFalse(Files.exists(file), what);
  }

  @Test
  void keep_whereNothingCanBeWritten_doesNothing() throws IOException {
    Path file = Files.createFile(temporary.resolve("a-file"));
    ClBinaries nowhere = new ClBinaries(file.resolve("below"), 1 << 20);
    nowhere.keep("a", BINARY);
    assertTrue(nowhere.find("a").isEmpty());
    ClBinaries off = new ClBinaries(null, 1 << 20);
    off.keep("a", BINARY);
    off.drop("a");
    assertTrue(off.find("a").isEmpty());
  }

  @Test
  void find_throughALink_isNothing() throws IOException {
    binaries().keep("a", BINARY);
    Files.createSymbolicLink(folder().resolve("b.clbin"), folder().resolve("a.clbin"));
    assertTrue(binaries().find("b").isEmpty());
  }

  @Test
  void keep_beyondTheLimit_deletesWhatWasNotUsedForLongest() throws IOException {
    ClBinaries small = new ClBinaries(folder(), 3L * (BINARY.length + 16));
    for (int i = 0; i < 3; i++) {
      small.keep("k" + i, BINARY);
      Files.setLastModifiedTime(
          folder().resolve("k" + i + ".clbin"), FileTime.fromMillis(1000L * i));
    }
    assertTrue(small.find("k0").isPresent()); // used now
    small.keep("k3", BINARY);
    assertTrue(small.find("k0").isPresent());
    assertTrue(small.find("k1").isEmpty());
    assertTrue(small.find("k2").isPresent());
    assertTrue(small.find("k3").isPresent());
  }

  @Test
  void keep_fromManyThreads_leavesOneWholeFile() throws Exception {
    try (ExecutorService threads = Executors.newFixedThreadPool(8)) {
      List<Callable<Void>> tasks =
          IntStream.range(0, 64)
              .<Callable<Void>>mapToObj(
                  i ->
                      () -> {
                        binaries().keep("a", BINARY);
                        binaries().find("a").ifPresent(kept -> assertArrayEquals(BINARY, kept));
                        return null;
                      })
              .toList();
      for (Future<Void> done : threads.invokeAll(tasks)) {
        done.get();
      }
    }
    assertEquals(List.of(folder().resolve("a.clbin")), files());
  }

  @Test
  @NeedsOpenCl
  void build_ofAKeptProgram_givesTheSameFoldAndHealsWhatTheDriverRefuses() throws IOException {
    ClDevice device = ClDevices.all().getFirst();
    String source = KernelSource.probe();
    ClContext first = new ClContext(device, ClContext.of(device).verdict(), binaries());
    assertNotEquals(0, first.build(source));
    Path file = files().getFirst();
    byte[] kept = Files.readAllBytes(file);
    ClContext second = new ClContext(device, ClContext.of(device).verdict(), binaries());
    assertNotEquals(0, second.build(source));
    assertArrayEquals(kept, Files.readAllBytes(file), "the binary served");
    // Whole, but no binary of this driver.
    String key = file.getFileName().toString().replace(".clbin", "");
    binaries().keep(key, BINARY);
    assertNotEquals(0, second.build(source));
    assertTrue(Files.size(file) > BINARY.length + 16, "compiled and kept anew");
  }

  @Test
  void key_differsWithEachPart() {
    ClDevice device =
        new ClDevice(1, 2, "p", "n", "v", ClDevice.Kind.CPU, 1, 1, 1, 1, 1, true, true);
    ClDevice other =
        new ClDevice(1, 2, "p", "n", "w", ClDevice.Kind.CPU, 1, 1, 1, 1, 1, true, true);
    String key = ClBinaries.key(device, "o", "s");
    assertEquals(key, ClBinaries.key(device, "o", "s"));
    assertNotEquals(key, ClBinaries.key(other, "o", "s"));
    assertNotEquals(key, ClBinaries.key(device, "os", ""));
    assertNotEquals(key, ClBinaries.key(device, "o", "t"));
  }
}
