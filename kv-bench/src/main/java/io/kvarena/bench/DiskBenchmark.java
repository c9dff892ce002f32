package io.kvarena.bench;

import io.kvarena.tier.FileIo;
import io.kvarena.tier.FileIo.OpenFile;
import io.kvarena.tier.FileIo.Piece;
import io.kvarena.tier.PageKey;
import io.kvarena.tier.PageTransfer;
import io.kvarena.tier.disk.DiskTier;
import io.kvarena.tier.disk.DiskTierBuilder;
import io.kvarena.tier.disk.FileIos;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Pages through the disk tier, and the same bytes through the same files' calls without it, by each
 * way to do I/O, in turn so that a neighbour's load hits all; the medians count.
 */
final class DiskBenchmark implements AutoCloseable {
  private static final String[] ACTIONS = {"store", "load", "load scattered"};
  private static final int EXTENT_BYTES = 512 << 10;

  /** Pages of a call, in bytes: what an offload moves at once. */
  private static final long BATCH_BYTES = 16 << 20;

  private final Path directory;
  private final long bytes;
  private final int rounds;
  private final List<FileIo> ios;

  /**
   * @param place a directory in which another is made for the files, and deleted
   * @param bytes moved in each round
   * @param rounds whose medians count
   * @param names of the ways to do I/O
   */
  DiskBenchmark(Path place, long bytes, int rounds, List<String> names) throws IOException {
    Files.createDirectories(place);
    directory = Files.createTempDirectory(place.toAbsolutePath(), "kv-bench-");
    this.bytes = bytes;
    this.rounds = rounds;
    ios = names.stream().map(FileIos::named).toList();
  }

  @Override
  public void close() throws IOException {
    ios.forEach(FileIo::close);
    clear();
    Files.delete(directory);
  }

  /** How I/O is done here; known once something was done. */
  String how() {
    return ios.stream().map(FileIo::toString).collect(Collectors.joining("; "));
  }

  List<DiskRow> run(int pageBytes, boolean encrypted) throws IOException {
    try (Arena arena = Arena.ofShared()) {
      int pages = Math.toIntExact(bytes / pageBytes);
      MemorySegment memory = arena.allocate(bytes, 4096);
      MemorySegment buffer = arena.allocate(BATCH_BYTES, 4096);
      Random random = new Random(1);
      for (long at = 0; at < bytes; at += 8) {
        memory.set(ValueLayout.JAVA_LONG, at, random.nextLong());
      }
      List<PageTransfer> all = new ArrayList<>();
      for (int i = 0; i < pages; i++) {
        all.add(
            PageTransfer.of(
                new PageKey(1, i), new byte[16], memory.asSlice((long) i * pageBytes, pageBytes)));
      }
      List<Integer> inOrder = new ArrayList<>();
      for (int i = 0; i < pages; i++) {
        inOrder.add(i);
      }
      List<Integer> scattered = new ArrayList<>(inOrder);
      Collections.shuffle(scattered, random);
      double[][][] raw = new double[ios.size()][ACTIONS.length][rounds + 1];
      double[][][] extents = new double[ios.size()][ACTIONS.length][rounds + 1];
      double[][][] tier = new double[ios.size()][ACTIONS.length][rounds + 1];
      List<Integer> extentsInOrder =
          IntStream.range(0, Math.toIntExact(bytes / EXTENT_BYTES)).boxed().toList();
      for (int round = 0; round <= rounds; round++) {
        for (int turn = 0; turn < ios.size(); turn++) {
          // who comes first finds the disk otherwise than who comes next
          int i = (turn + round) % ios.size();
          FileIo io = ios.get(i);
          raw(io, buffer, pageBytes, inOrder, scattered, raw[i], round);
          raw(io, buffer, EXTENT_BYTES, extentsInOrder, extentsInOrder, extents[i], round);
          tier(io, all, inOrder, scattered, encrypted, tier[i], round);
        }
      }
      List<DiskRow> rows = new ArrayList<>();
      for (int action = 0; action < ACTIONS.length; action++) {
        for (int i = 0; i < ios.size(); i++) {
          rows.add(
              new DiskRow(
                  ios.get(i).name(),
                  ACTIONS[action],
                  pageBytes,
                  encrypted,
                  median(raw[i][action]),
                  median(extents[i][action]),
                  median(tier[i][action])));
        }
      }
      return rows;
    }
  }

  /** Median of all but the first, in which code was compiled. */
  private static double median(double[] values) {
    double[] sorted = Arrays.copyOfRange(values, 1, values.length);
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }

  private void raw(
      FileIo io,
      MemorySegment buffer,
      int pieceBytes,
      List<Integer> inOrder,
      List<Integer> scattered,
      double[][] speeds,
      int round)
      throws IOException {
    clear();
    try (OpenFile file = io.open(directory.resolve("raw"))) {
      file.resize(bytes);
      long start = System.nanoTime();
      transfer(file, true, buffer, pieceBytes, inOrder);
      file.sync();
      speeds[0][round] = speed(start);
      start = System.nanoTime();
      transfer(file, false, buffer, pieceBytes, inOrder);
      speeds[1][round] = speed(start);
      start = System.nanoTime();
      transfer(file, false, buffer, pieceBytes, scattered);
      speeds[2][round] = speed(start);
    }
  }

  private static void transfer(
      OpenFile file, boolean write, MemorySegment buffer, int pieceBytes, List<Integer> order)
      throws IOException {
    for (List<Integer> batch : batches(order, pieceBytes)) {
      List<Piece> pieces = new ArrayList<>();
      for (int i = 0; i < batch.size(); i++) {
        // The same memory for every call, as the tier does, which keeps it in the cache.
        pieces.add(
            new Piece(
                write,
                (long) batch.get(i) * pieceBytes,
                buffer.asSlice((long) i * pieceBytes, pieceBytes)));
      }
      file.transfer(pieces);
      for (Piece piece : pieces) {
        if (piece.failure != null) {
          throw piece.failure;
        }
        if (piece.moved != pieceBytes) {
          throw new IOException("short: moved=" + piece.moved);
        }
      }
    }
  }

  private void tier(
      FileIo io,
      List<PageTransfer> all,
      List<Integer> inOrder,
      List<Integer> scattered,
      boolean encrypted,
      double[][] speeds,
      int round)
      throws IOException {
    clear();
    DiskTierBuilder builder =
        DiskTier.at(directory).maxBytes(4 * bytes).fileBytes(2 * bytes).io(io);
    if (encrypted) {
      byte[] key = new byte[32];
      new Random(2).nextBytes(key);
      builder.key(key);
    }
    try (DiskTier tier = builder.open()) {
      long pageBytes = all.getFirst().bytes().byteSize();
      long start = System.nanoTime();
      for (List<Integer> batch : batches(inOrder, pageBytes)) {
        tier.store(batch.stream().map(all::get).toList());
      }
      tier.sync();
      speeds[0][round] = speed(start);
      start = System.nanoTime();
      for (List<Integer> batch : batches(inOrder, pageBytes)) {
        tier.load(batch.stream().map(all::get).toList());
      }
      speeds[1][round] = speed(start);
      start = System.nanoTime();
      for (List<Integer> batch : batches(scattered, pageBytes)) {
        tier.load(batch.stream().map(all::get).toList());
      }
      speeds[2][round] = speed(start);
    }
  }

  private static List<List<Integer>> batches(List<Integer> order, long pageBytes) {
    int count = Math.toIntExact(BATCH_BYTES / pageBytes);
    List<List<Integer>> batches = new ArrayList<>();
    for (int from = 0; from < order.size(); from += count) {
      batches.add(order.subList(from, Math.min(order.size(), from + count)));
    }
    return batches;
  }

  private double speed(long start) {
    return bytes / (double) (System.nanoTime() - start);
  }

  private void clear() throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      for (Path file : files.toList()) {
        Files.delete(file);
      }
    }
  }
}
