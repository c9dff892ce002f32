package io.kvarena.bench;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The disk tier, RocksDB and LMDB in turn: pages stored and made durable, then, after closing and
 * opening again, loaded from disk, the page cache being told to forget the files.
 */
final class PeerBenchmark {
  private static final String[] NAMES = {"disk tier", "RocksDB", "LMDB"};
  private static final long BATCH_BYTES = 16 << 20;

  private final Path directory;
  private final long bytes;
  private final int rounds;

  PeerBenchmark(Path directory, long bytes, int rounds) {
    this.directory = directory;
    this.bytes = bytes;
    this.rounds = rounds;
  }

  /**
   * GB/s of storing and of loading.
   *
   * @param store pages stored, the sync included
   * @param load pages loaded after a restart
   */
  record Speed(double store, double load) {}

  /** Medians by name, the tier first. */
  Map<String, Speed> run(int pageBytes) throws Exception {
    Map<String, Speed> speeds = new LinkedHashMap<>();
    try (Arena arena = Arena.ofShared()) {
      MemorySegment memory = arena.allocate(bytes, 4096);
      Random random = new Random(1);
      for (long at = 0; at < bytes; at += 8) {
        memory.set(ValueLayout.JAVA_LONG, at, random.nextLong());
      }
      MemorySegment into = arena.allocate(bytes, 4096);
      double[][] stores = new double[NAMES.length][rounds];
      double[][] loads = new double[NAMES.length][rounds];
      for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < NAMES.length; i++) {
          Speed speed = round(NAMES[i], memory, into.fill((byte) 0), pageBytes);
          if (memory.mismatch(into) >= 0) {
            throw new IllegalStateException("other bytes came back: store=" + NAMES[i]);
          }
          stores[i][round] = speed.store;
          loads[i][round] = speed.load;
        }
      }
      for (int i = 0; i < NAMES.length; i++) {
        Arrays.sort(stores[i]);
        Arrays.sort(loads[i]);
        speeds.put(NAMES[i], new Speed(stores[i][rounds / 2], loads[i][rounds / 2]));
      }
    }
    return speeds;
  }

  private Speed round(String name, MemorySegment memory, MemorySegment into, int pageBytes)
      throws Exception {
    Path place = Files.createTempDirectory(directory, "peer-");
    try {
      double stored;
      try (PageStore store = open(name, place)) {
        if (store instanceof TierStore tier) {
          for (int id = 0; id < bytes / pageBytes; id++) {
            tier.seal(id, page(memory, id, pageBytes));
          }
        }
        long start = System.nanoTime();
        for (List<Integer> batch : batches(pageBytes)) {
          store.store(batch, batch.stream().map(id -> page(memory, id, pageBytes)).toList());
        }
        store.sync();
        stored = bytes / (double) (System.nanoTime() - start);
      }
      forget(place);
      try (PageStore store = open(name, place)) {
        long start = System.nanoTime();
        for (List<Integer> batch : batches(pageBytes)) {
          store.load(batch, batch.stream().map(id -> page(into, id, pageBytes)).toList());
        }
        return new Speed(stored, bytes / (double) (System.nanoTime() - start));
      }
    } finally {
      delete(place);
    }
  }

  private PageStore open(String name, Path place) throws Exception {
    return switch (name) {
      case "RocksDB" -> new RocksStore(place);
      case "LMDB" -> new LmdbStore(place, bytes);
      default -> new TierStore(place, bytes);
    };
  }

  private static MemorySegment page(MemorySegment memory, int id, int pageBytes) {
    return memory.asSlice((long) id * pageBytes, pageBytes);
  }

  private List<List<Integer>> batches(int pageBytes) {
    List<List<Integer>> batches = new ArrayList<>();
    int pages = Math.toIntExact(bytes / pageBytes);
    int count = Math.toIntExact(BATCH_BYTES / pageBytes);
    for (int from = 0; from < pages; from += count) {
      batches.add(IntStream.range(from, Math.min(pages, from + count)).boxed().toList());
    }
    return batches;
  }

  /** Java has no call for it; dd has, where it is GNU's. */
  private static void forget(Path place) throws IOException, InterruptedException {
    try (Stream<Path> files = Files.list(place)) {
      for (Path file : files.toList()) {
        new ProcessBuilder("dd", "if=" + file, "iflag=nocache", "count=0", "status=none")
            .inheritIO()
            .start()
            .waitFor();
      }
    }
  }

  private static void delete(Path place) throws IOException {
    try (Stream<Path> files = Files.walk(place)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
