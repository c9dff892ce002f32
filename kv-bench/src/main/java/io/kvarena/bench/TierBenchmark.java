package io.kvarena.bench;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.kvarena.KvCache;
import io.kvarena.KvCacheBuilder;
import io.kvarena.KvSequence;
import io.kvarena.KvShape;
import io.kvarena.LayerShape;
import io.kvarena.Rope;
import io.kvarena.attention.AttentionKernel;
import io.kvarena.attention.Kernels;
import io.kvarena.format.Formats;
import io.kvarena.format.PageFormat;
import io.kvarena.tier.FileIo;
import io.kvarena.tier.FileIo.OpenFile;
import io.kvarena.tier.FileIo.Piece;
import io.kvarena.tier.disk.DiskTier;
import io.kvarena.tier.disk.FileIos;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;

/**
 * Decode steps of one long sequence, in memory and from a disk tier in turn, and the disk alone: 32
 * query heads, 8 KV heads, dimension 128, pages of 32 tokens.
 */
final class TierBenchmark implements AutoCloseable {

  private static final LayerShape LAYER =
      LayerShape.of(32, 8, 128, Rope.of(Rope.Pairing.HALF, 128, 10_000));
  private static final int LAYERS = 8;
  private static final int TIMES = 8;
  private static final int CHUNK = 64;
  private static final int STEPS = 12;
  private static final int EXTENT_BYTES = 512 << 10;
  private static final int DEPTH = 32;

  private final Path directory;
  private final MemorySegment keys = random(CHUNK * LAYER.kvHeads() * LAYER.keyDim());
  private final MemorySegment queries = random(LAYER.queryHeads() * LAYER.keyDim());
  private final MemorySegment out =
      Arena.ofAuto().allocate(4L * LAYER.queryHeads() * LAYER.valueDim(), 64);

  /** Makes a directory in {@code place} for the files, deleted when this is closed. */
  TierBenchmark(Path place) throws IOException {
    Files.createDirectories(place);
    directory = Files.createTempDirectory(place.toAbsolutePath(), "kv-bench-tier-");
  }

  /** Measures and prints a line for each case; the rows for programs. */
  static JsonArray report(
      PrintStream progress,
      Path place,
      List<String> kernels,
      List<String> formats,
      List<Integer> contexts,
      List<Integer> threads)
      throws IOException {
    progress.printf(
        "decode step of a sequence of %d layers, %d times larger than memory; transfer: the same"
            + " bytes read from %s with nothing around it%n",
        LAYERS, TIMES, place);
    progress.println(
        "  kernel       format   context threads  compute, ms  transfer, ms  step, ms  of the"
            + " longer");
    JsonArray array = new JsonArray();
    try (TierBenchmark benchmark = new TierBenchmark(place)) {
      for (String kernel : kernels) {
        for (String format : formats) {
          for (int context : contexts) {
            for (int count : threads) {
              TierRow row =
                  benchmark.run(
                      Kernels.named(kernel), Formats.named(format), context, LAYERS, TIMES, count);
              progress.printf(
                  Locale.ROOT,
                  "  %-12s %-8s %7d %7d %12.1f %13.1f %9.1f %9.2fx%n",
                  kernel,
                  format,
                  context,
                  count,
                  row.computeMillis(),
                  row.transferMillis(),
                  row.stepMillis(),
                  row.ratio());
              JsonObject object = new JsonObject();
              object.addProperty("kernel", kernel);
              object.addProperty("format", format);
              object.addProperty("context", context);
              object.addProperty("threads", count);
              object.addProperty("times", TIMES);
              object.addProperty("computeMillis", row.computeMillis());
              object.addProperty("transferMillis", row.transferMillis());
              object.addProperty("stepMillis", row.stepMillis());
              object.addProperty("bytesRead", row.bytesRead());
              array.add(object);
            }
          }
        }
      }
    }
    return array;
  }

  private static MemorySegment random(int floats) {
    SplittableRandom random = new SplittableRandom(1);
    MemorySegment rows = Arena.ofAuto().allocate(4L * floats, 64);
    for (int i = 0; i < floats; i++) {
      rows.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextDouble(-1, 1));
    }
    return rows;
  }

  /**
   * Measures steps.
   *
   * @param times how many times the memory the cache is to take
   */
  TierRow run(
      AttentionKernel kernel, PageFormat format, int context, int layers, int times, int threads)
      throws IOException {
    KvShape shape = KvShape.uniform(layers, LAYER);
    double compute;
    long held;
    try (KvCache cache = builder(kernel, format, shape, threads).maxBytes(16L << 30).build();
        KvSequence sequence = cache.open()) {
      fill(sequence, layers, context);
      compute = median(steps(sequence, layers));
      held = cache.stats().kvBytes();
    }
    try (DiskTier tier =
            DiskTier.at(directory.resolve("pages")).durable(false).maxBytes(2 * held).open();
        KvCache cache =
            builder(kernel, format, shape, threads).maxBytes(held / times).tier(tier).build();
        KvSequence sequence = cache.open()) {
      fill(sequence, layers, context);
      steps(sequence, layers);
      long before = cache.stats().tierBytesRead();
      double step = median(steps(sequence, layers));
      long read = (cache.stats().tierBytesRead() - before) / STEPS;
      double transfer = read / raw(held) / 1e6;
      return new TierRow(format.name(), context, layers, times, compute, transfer, step, read);
    }
  }

  private static KvCacheBuilder builder(
      AttentionKernel kernel, PageFormat format, KvShape shape, int threads) {
    return KvCache.builder(shape).keys(format).values(format).kernel(kernel).threads(threads);
  }

  private void fill(KvSequence sequence, int layers, int context) {
    for (int at = 0; at < context; at += CHUNK) {
      sequence.extend(new int[CHUNK]);
      for (int layer = 0; layer < layers; layer++) {
        sequence.append(layer, keys, keys);
      }
      sequence.remove(0, 0);
    }
  }

  /** Milliseconds of each step. */
  private double[] steps(KvSequence sequence, int layers) {
    double[] millis = new double[STEPS];
    long row = 4L * LAYER.kvHeads() * LAYER.keyDim();
    for (int i = 0; i < STEPS; i++) {
      long start = System.nanoTime();
      sequence.extend(1);
      for (int layer = 0; layer < layers; layer++) {
        sequence.append(layer, keys.asSlice(0, row), keys.asSlice(0, row));
        sequence.attend(layer, queries, out);
      }
      millis[i] = (System.nanoTime() - start) / 1e6;
    }
    return millis;
  }

  private static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }

  /** Gigabytes a second of reads of half a mebibyte, many at a time: the best of three readings. */
  private double raw(long bytes) throws IOException {
    Path path = directory.resolve("raw");
    double best = 0;
    int count = Math.clamp(bytes / EXTENT_BYTES, DEPTH, 1024);
    try (Arena arena = Arena.ofShared();
        FileIo io = FileIos.best();
        OpenFile file = io.open(path)) {
      MemorySegment memory = arena.allocate((long) DEPTH * EXTENT_BYTES, 4096);
      file.resize((long) count * EXTENT_BYTES);
      read(file, true, memory, count);
      file.sync();
      for (int round = 0; round < 3; round++) {
        long start = System.nanoTime();
        read(file, false, memory, count);
        best = Math.max(best, (double) count * EXTENT_BYTES / (System.nanoTime() - start));
      }
    } finally {
      Files.deleteIfExists(path);
    }
    return best;
  }

  private static void read(OpenFile file, boolean write, MemorySegment memory, int count)
      throws IOException {
    for (int from = 0; from < count; from += DEPTH) {
      List<Piece> pieces = new ArrayList<>();
      for (int i = from; i < Math.min(count, from + DEPTH); i++) {
        long at = (long) (i - from) * EXTENT_BYTES;
        pieces.add(new Piece(write, (long) i * EXTENT_BYTES, memory.asSlice(at, EXTENT_BYTES)));
      }
      file.transfer(pieces);
      for (Piece piece : pieces) {
        if (piece.failure != null || piece.moved != EXTENT_BYTES) {
          throw new IOException("a piece was not moved: moved=" + piece.moved, piece.failure);
        }
      }
    }
  }

  @Override
  public void close() throws IOException {
    try (var files = Files.walk(directory)) {
      for (Path path : files.sorted((one, other) -> other.compareTo(one)).toList()) {
        Files.delete(path);
      }
    }
  }
}
