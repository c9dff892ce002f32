package io.kvarena.ffi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.kvarena.tier.FileIo;
import io.kvarena.tier.FileIo.OpenFile;
import io.kvarena.tier.FileIo.Piece;
import io.kvarena.tier.FileIo.Transfer;
import io.kvarena.tier.disk.ChannelIo;
import io.kvarena.tier.disk.DiskTier;
import io.kvarena.tier.disk.FileIos;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** io_uring beside channels, which are the specification. */
class UringIoTest {
  private static final int BLOCK = FileIo.ALIGNMENT;
  private static final int FILE_BLOCKS = 300;

  @TempDir Path directory;
  private UringIo io;

  @BeforeEach
  void open() {
    assumeTrue(UringIo.whyNot() == null, UringIo.whyNot());
    io = new UringIo();
  }

  @AfterEach
  void close() {
    if (io != null) {
      io.close();
    }
  }

  private static MemorySegment random(Arena arena, long bytes, long seed) {
    MemorySegment memory = arena.allocate(bytes, BLOCK);
    SplittableRandom random = new SplittableRandom(seed);
    for (long at = 0; at + 8 <= bytes; at += 8) {
      memory.set(ValueLayout.JAVA_LONG, at, random.nextLong());
    }
    return memory;
  }

  private static Piece read(Arena arena, long offset, long bytes) {
    return new Piece(false, offset, arena.allocate(bytes, BLOCK));
  }

  private static void assertMoved(List<Piece> pieces) {
    for (Piece piece : pieces) {
      assertNull(piece.failure);
      assertEquals(piece.memory.byteSize(), piece.moved);
    }
  }

  // ---- the same bytes as through channels ----

  /** Ranges of any number of blocks, in any order, many more than the queue is deep. */
  @Test
  void transfer_ofAnyBlocks_movesWhatChannelsMove() throws IOException {
    SplittableRandom random = new SplittableRandom(3);
    Path path = directory.resolve("file");
    try (Arena arena = Arena.ofShared();
        OpenFile ours = io.open(path);
        OpenFile theirs = new ChannelIo().open(path)) {
      MemorySegment expected = arena.allocate((long) FILE_BLOCKS * BLOCK, BLOCK);
      ours.resize(expected.byteSize());
      assertEquals(expected.byteSize(), theirs.size());
      for (int round = 0; round < 12; round++) {
        OpenFile writer = round % 2 == 0 ? ours : theirs;
        OpenFile reader = round % 2 == 0 ? theirs : ours;
        List<Piece> written = new ArrayList<>();
        for (int block = random.nextInt(9); block < FILE_BLOCKS; ) {
          int blocks = Math.min(random.nextInt(1, round + 2), FILE_BLOCKS - block);
          MemorySegment bytes = random(arena, (long) blocks * BLOCK, random.nextLong());
          written.add(
              random.nextInt(written.size() + 1), new Piece(true, (long) block * BLOCK, bytes));
          expected.asSlice((long) block * BLOCK, bytes.byteSize()).copyFrom(bytes);
          block += blocks + random.nextInt(2);
        }
        assertTrue(round > 0 || written.size() > 2 * UringIo.DEPTH);
        writer.transfer(written);
        assertMoved(written);
        List<Piece> found = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
          int block = random.nextInt(FILE_BLOCKS);
          int blocks = random.nextInt(1, FILE_BLOCKS - block + 1);
          found.add(read(arena, (long) block * BLOCK, (long) Math.min(20, blocks) * BLOCK));
        }
        reader.transfer(found);
        assertMoved(found);
        for (Piece piece : found) {
          assertEquals(
              -1,
              piece.memory.mismatch(expected.asSlice(piece.offset, piece.memory.byteSize())),
              "round=" + round + ", offset=" + piece.offset);
        }
      }
    }
  }

  @Test
  void transfer_overTheEndOfTheFile_isShortAsThroughChannels() throws IOException {
    Path path = directory.resolve("file");
    try (Arena arena = Arena.ofShared();
        OpenFile ours = io.open(path);
        OpenFile theirs = new ChannelIo().open(path)) {
      ours.transfer(List.of(new Piece(true, 0, random(arena, 3 * BLOCK, 1))));
      for (long bytes : new long[] {3 * BLOCK, 2 * BLOCK + 100, BLOCK, 1, 0}) {
        ours.resize(bytes);
        assertEquals(bytes, ours.size());
        for (int block = 0; block < 4; block++) {
          Piece our = read(arena, (long) block * BLOCK, 2 * BLOCK);
          Piece their = read(arena, (long) block * BLOCK, 2 * BLOCK);
          ours.transfer(List.of(our));
          theirs.transfer(List.of(their));
          assertEquals(their.moved, our.moved, "bytes=" + bytes + ", block=" + block);
          assertNull(our.failure);
          assertEquals(-1, our.memory.mismatch(their.memory));
        }
      }
    }
  }

  /** A system may be content with less than a block; where it is not, the piece says so. */
  @Test
  void transfer_ofPiecesOffTheBlocks_movesThemRightOrFails() throws IOException {
    try (Arena arena = Arena.ofShared();
        OpenFile file = io.open(directory.resolve("file"))) {
      MemorySegment content = random(arena, 8 * BLOCK, 1);
      file.transfer(List.of(new Piece(true, 0, content)));
      SplittableRandom random = new SplittableRandom(5);
      for (int i = 0; i < 100; i++) {
        int offset = random.nextInt(4 * BLOCK);
        int bytes = random.nextInt(1, 4 * BLOCK);
        Piece odd =
            new Piece(
                false, offset, arena.allocate(8 * BLOCK, BLOCK).asSlice(random.nextInt(9), bytes));
        Piece even = read(arena, BLOCK, BLOCK);
        file.transfer(List.of(odd, even));
        assertMoved(List.of(even));
        if (odd.failure != null) {
          assertEquals("Invalid argument", odd.failure.getMessage());
          assertEquals(0, odd.moved);
        } else {
          assertEquals(
              -1, odd.memory.asSlice(0, odd.moved).mismatch(content.asSlice(offset, odd.moved)));
        }
      }
    }
  }

  /** More than half of the rings, whose begun calls leave the rest to others. */
  @Test
  void begin_ofManyCalls_goesOnWhileOthersAreMade() throws IOException {
    for (FileIo each : List.of(io, new ChannelIo())) {
      try (Arena arena = Arena.ofShared();
          OpenFile file = each.open(directory.resolve(each.name()))) {
        MemorySegment content = random(arena, (long) FILE_BLOCKS * BLOCK, 9);
        List<Piece> written = new ArrayList<>();
        for (int block = 0; block < FILE_BLOCKS; block++) {
          long at = (long) block * BLOCK;
          written.add(new Piece(true, at, content.asSlice(at, BLOCK)));
        }
        Transfer writing = file.begin(written);
        writing.await();
        assertMoved(written);
        List<List<Piece>> found = new ArrayList<>();
        List<Transfer> reading = new ArrayList<>();
        for (int i = 0; i < 2 * UringIo.RINGS; i++) {
          found.add(List.of(read(arena, (long) i * BLOCK, BLOCK), read(arena, 0, 90 * BLOCK)));
          reading.add(file.begin(found.getLast()));
          List<Piece> between = List.of(read(arena, BLOCK, BLOCK));
          file.transfer(between);
          assertMoved(between);
        }
        reading.add(file.begin(List.of()));
        for (Transfer transfer : reading) {
          transfer.await();
        }
        for (List<Piece> pieces : found) {
          assertMoved(pieces);
          for (Piece piece : pieces) {
            assertEquals(-1, piece.memory.mismatch(content.asSlice(piece.offset, piece.moved)));
          }
        }
      }
    }
  }

  // ---- memory ----

  @Test
  void transfer_ofPiecesOfManyArenas_movesAll() throws IOException {
    try (Arena one = Arena.ofShared();
        Arena two = Arena.ofConfined();
        OpenFile file = io.open(directory.resolve("file"))) {
      List<Piece> written = new ArrayList<>();
      for (int i = 0; i < 10; i++) {
        written.add(new Piece(true, (long) i * BLOCK, random(i % 2 == 0 ? one : two, BLOCK, i)));
      }
      file.transfer(written);
      assertMoved(written);
      Piece all = read(one, 0, 10 * BLOCK);
      file.transfer(List.of(all));
      for (int i = 0; i < 10; i++) {
        assertEquals(
            -1,
            all.memory.asSlice((long) i * BLOCK, BLOCK).mismatch(written.get(i).memory),
            "i=" + i);
      }
    }
  }

  @Test
  void transfer_ofMemoryThatIsNotThere_isRefused() throws IOException {
    Arena closed = Arena.ofShared();
    MemorySegment gone = closed.allocate(BLOCK, BLOCK);
    closed.close();
    try (Arena arena = Arena.ofShared();
        OpenFile file = io.open(directory.resolve("file"))) {
      assertThrows(
          IllegalStateException.class, () -> file.transfer(List.of(new Piece(false, 0, gone))));
      assertEquals(
          "a piece lies in native memory that can be written to: native=false, readOnly=false;"
              + " copy it",
          assertThrows(
                  IllegalArgumentException.class,
                  () ->
                      file.transfer(
                          List.of(new Piece(true, 0, MemorySegment.ofArray(new byte[BLOCK])))))
              .getMessage());
      MemorySegment fixed = arena.allocate(BLOCK, BLOCK).asReadOnly();
      assertThrows(
          IllegalArgumentException.class, () -> file.transfer(List.of(new Piece(false, 0, fixed))));
      List<Piece> written = List.of(new Piece(true, 0, fixed));
      file.transfer(written);
      assertMoved(written);
    }
  }

  // ---- failures ----

  @Test
  void transfer_toAFullDevice_saysThatThereIsNoSpace() throws IOException {
    Path full = Path.of("/dev/full");
    assumeTrue(Files.exists(full), "no /dev/full");
    try (Arena arena = Arena.ofShared();
        OpenFile file = io.open(full)) {
      List<Piece> pieces =
          Stream.generate(() -> new Piece(true, 0, arena.allocate(BLOCK, BLOCK)))
              .limit(70)
              .toList();
      file.transfer(pieces);
      for (Piece piece : pieces) {
        assertEquals("No space left on device", piece.failure.getMessage());
        assertEquals(0, piece.moved);
      }
    }
  }

  @Test
  void open_ofWhatIsNoFile_isRefusedInTheSystemsWords() throws IOException {
    Path target = Files.createFile(directory.resolve("target"));
    Path link = Files.createSymbolicLink(directory.resolve("link"), target);
    assertRefused(link, "Too many levels of symbolic links");
    assertRefused(directory, "Is a directory");
    assertRefused(directory.resolve("no/file"), "No such file or directory");
  }

  private void assertRefused(Path path, String reason) {
    assertEquals(
        path + ": " + reason,
        assertThrows(FileSystemException.class, () -> io.open(path)).getMessage());
  }

  @Test
  void anyCall_onAClosedFile_isRefused() throws IOException {
    OpenFile file = io.open(directory.resolve("file"));
    file.close();
    file.close();
    for (Callable<Object> call :
        List.<Callable<Object>>of(
            file::size,
            () -> {
              file.resize(1);
              return 0;
            },
            () -> {
              file.sync();
              return 0;
            },
            () -> {
              file.transfer(List.of());
              return 0;
            },
            () -> {
              file.begin(List.of(new Piece(false, 0, MemorySegment.NULL))).await();
              return 0;
            })) {
      assertEquals("the file is closed", assertThrows(IOException.class, call::call).getMessage());
    }
  }

  @Test
  void transfer_afterTheRingsAreClosed_isRefused() throws IOException {
    try (OpenFile file = io.open(directory.resolve("file"))) {
      file.transfer(List.of());
      io.close();
      io.close();
      assertEquals(
          "the rings are closed",
          assertThrows(IOException.class, () -> file.transfer(List.of())).getMessage());
    }
  }

  @Test
  void open_ofANewFile_isForItsOwnerOnlyAndNamesMayHaveAnyLetters() throws IOException {
    Path path = directory.resolve("größe 大");
    try (OpenFile file = io.open(path)) {
      file.resize(10);
      file.sync();
      assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(path)));
      assertEquals(10, Files.size(path));
    }
  }

  // ---- threads ----

  /**
   * Runs a task on many threads of both kinds, more than there are rings; throws what it throws.
   */
  private static void onManyThreads(AtomicBoolean over, ThreadTask task) throws Exception {
    List<FutureTask<Object>> tasks = new ArrayList<>();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 2 * UringIo.RINGS; i++) {
      int number = i;
      tasks.add(
          new FutureTask<>(
              () -> {
                task.run(number);
                return 0;
              }));
      threads.add(
          i % 2 == 0
              ? Thread.ofPlatform().start(tasks.get(i))
              : Thread.startVirtualThread(tasks.get(i)));
    }
    try {
      for (FutureTask<Object> each : tasks) {
        each.get();
      }
    } finally {
      over.set(true);
      for (Thread thread : threads) {
        thread.join();
      }
    }
  }

  private interface ThreadTask {
    void run(int number) throws Exception;
  }

  /** Writes and reads a range of the thread's own. */
  private static void moveOwnRange(OpenFile file, int number, int rounds) throws IOException {
    try (Arena arena = Arena.ofShared()) {
      long start = (long) number * 20 * BLOCK;
      for (int round = 0; round < rounds; round++) {
        List<Piece> written = new ArrayList<>();
        List<Piece> found = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
          long at = start + (long) i * BLOCK;
          written.add(new Piece(true, at, random(arena, BLOCK, at + round)));
          found.add(read(arena, at, BLOCK));
        }
        file.transfer(written);
        assertMoved(written);
        Transfer reading = file.begin(found);
        reading.await();
        assertMoved(found);
        for (int i = 0; i < 20; i++) {
          assertEquals(-1, found.get(i).memory.mismatch(written.get(i).memory));
        }
      }
    }
  }

  @Test
  void transfers_ofManyThreads_doNotMixAndLeaveNothingOpen() throws Exception {
    long rings = rings();
    long before = descriptors();
    try (UringIo own = new UringIo();
        OpenFile file = own.open(directory.resolve("file"))) {
      onManyThreads(new AtomicBoolean(), number -> moveOwnRange(file, number, 5));
      assertTrue(rings() > rings && rings() <= rings + UringIo.RINGS, "rings: " + rings());
    }
    assertEquals(rings, rings());
    assertEquals(before, descriptors());
  }

  /** Rings that this process has open. */
  private static long rings() throws IOException {
    return links().filter(link -> link.contains("io_uring")).count();
  }

  /** Open rings and files of the test. */
  private long descriptors() throws IOException {
    return links()
        .filter(link -> link.contains("io_uring") || link.startsWith(directory.toString()))
        .count();
  }

  private static Stream<String> links() throws IOException {
    List<String> links = new ArrayList<>();
    try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
      for (Path descriptor : open.toList()) {
        try {
          links.add(Files.readSymbolicLink(descriptor).toString());
        } catch (IOException e) {
          // closed meanwhile, as that of the listing is
        }
      }
    }
    return links.stream();
  }

  @Test
  void calls_ofThreadsThatAreInterrupted_workAndKeepTheFlag() throws Exception {
    AtomicBoolean over = new AtomicBoolean();
    try (OpenFile file = io.open(directory.resolve("file"))) {
      onManyThreads(
          over,
          number -> {
            Thread caller = Thread.currentThread();
            // a platform thread: virtual ones that never rest starve others of their kind
            Thread.ofPlatform()
                .daemon()
                .start(
                    () -> {
                      while (!over.get()) {
                        caller.interrupt();
                        LockSupport.parkNanos(20_000);
                      }
                    });
            caller.interrupt();
            moveOwnRange(file, number, 3);
            file.sync();
            assertTrue(caller.isInterrupted());
            over.set(true);
          });
      moveOwnRange(file, 0, 1);
    }
  }

  @Test
  void close_whileOthersTransfer_neverReachesAnotherFile() throws Exception {
    AtomicBoolean over = new AtomicBoolean();
    Path precious = directory.resolve("precious");
    try (Arena arena = Arena.ofShared()) {
      MemorySegment content = random(arena, 20 * BLOCK, 7);
      for (int round = 0; round < 20; round++) {
        OpenFile file = io.open(directory.resolve("file"));
        Thread writer =
            Thread.ofPlatform()
                .start(
                    () -> {
                      try {
                        while (true) {
                          moveOwnRange(file, 0, 1);
                        }
                      } catch (IOException closed) {
                        over.set(true);
                      }
                    });
        file.transfer(List.of());
        file.close();
        // likely the descriptor that was just closed
        try (OpenFile other = io.open(precious)) {
          other.transfer(List.of(new Piece(true, 0, content)));
          writer.join();
          Piece found = read(arena, 0, content.byteSize());
          other.transfer(List.of(found));
          assertEquals(-1, found.memory.mismatch(content));
        }
      }
    }
    assertTrue(over.get());
  }

  // ---- which I/O a tier gets ----

  @Test
  void tier_thatMakesItsOwnIo_closesIt() throws IOException {
    assertInstanceOf(UringIo.class, FileIos.named("uring"));
    long before = descriptors();
    String forced = System.setProperty(FileIos.PROPERTY, "uring");
    try (DiskTier tier = DiskTier.at(directory.resolve("tier")).open()) {
      tier.put("record", new byte[10_000]);
      tier.sync();
      assertTrue(tier.toString().contains("io=uring: depth=64, "), tier.toString());
      assertTrue(descriptors() > before);
    } finally {
      if (forced == null) {
        System.clearProperty(FileIos.PROPERTY);
      } else {
        System.setProperty(FileIos.PROPERTY, forced);
      }
    }
    assertEquals(before, descriptors());
  }

  @Test
  void orChannel_whereThereIsIoUring_isIoUring() {
    try (FileIo best = UringIo.orChannel()) {
      assertEquals("uring", best.name());
      assertEquals("uring: depth=64, not used yet", best.toString());
    }
  }

  /** What {@link #orChannel_withoutTheLibrary_isAChannel} runs. */
  static final class WithoutLibrary {
    private WithoutLibrary() {}

    public static void main(String[] args) {
      System.out.println(UringIo.orChannel().name());
      System.out.println(UringIo.whyNot());
      try {
        System.out.println(new UringIo());
      } catch (UnsupportedOperationException e) {
        System.out.println(e.getMessage());
      }
      System.out.println(FileIos.best().name());
    }
  }

  @Test
  void orChannel_withoutTheLibrary_isAChannel() throws Exception {
    String why = "no such library: file=/nowhere/lib.so; correct or unset -Dkvarena.native.library";
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "--enable-native-access=ALL-UNNAMED",
                "-Dkvarena.native.library=/nowhere/lib.so",
                "-cp",
                System.getProperty("java.class.path"),
                WithoutLibrary.class.getName())
            .redirectErrorStream(true)
            .start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals("channel\n" + why + "\nno io_uring: " + why + "\nchannel\n", said);
    assertEquals(0, process.waitFor());
  }

  @Test
  void refusal_byTheKernel_saysTheWayOut() {
    assertEquals(
        "the kernel refuses io_uring: errno=1 (Operation not permitted); allow io_uring_setup and"
            + " io_uring_enter in the container's seccomp profile, and set"
            + " kernel.io_uring_disabled to 0",
        UringIo.refusal(1, "Operation not permitted"));
    assertEquals(
        "the kernel refuses io_uring: errno=38 (Function not implemented); use Linux 5.6 or later",
        UringIo.refusal(38, "Function not implemented"));
  }
}
