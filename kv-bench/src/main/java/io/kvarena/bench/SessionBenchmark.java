package io.kvarena.bench;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.kvarena.KvCache;
import io.kvarena.KvCacheBuilder;
import io.kvarena.KvSequence;
import io.kvarena.format.Formats;
import io.kvarena.llm.model.ForwardPass;
import io.kvarena.llm.model.LanguageModel;
import io.kvarena.llm.model.ReferenceTexts;
import io.kvarena.tier.disk.DiskTier;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** The embedded model's context of some 2,000 tokens: computed, kept on disk, and restored. */
final class SessionBenchmark {

  private static final String NAME = "bench";

  private SessionBenchmark() {}

  /** Measures and prints a line for each format; the rows for programs. */
  static JsonArray report(PrintStream progress, Path place, List<String> formats, int rounds)
      throws IOException {
    Files.createDirectories(place);
    progress.printf(
        "the embedded model's longest text, slabs of 8 MiB: prompt, checkpoint to %s, and restore in a cache that"
            + " was built anew; medians of %d%n",
        place, rounds);
    progress.println("  format    tokens  prompt, ms  checkpoint, ms  restore, ms    gain");
    JsonArray array = new JsonArray();
    try (LanguageModel model = LanguageModel.embedded()) {
      int[] ids = ReferenceTexts.embedded().windows().getFirst();
      for (String format : formats) {
        double[][] millis = new double[3][rounds];
        for (int round = 0; round < rounds; round++) {
          Path directory = Files.createTempDirectory(place, "kv-bench-session-");
          try {
            measure(model, ids, format, directory, millis, round);
          } finally {
            try (var files = Files.walk(directory)) {
              for (Path path : files.sorted((one, other) -> other.compareTo(one)).toList()) {
                Files.delete(path);
              }
            }
          }
        }
        double prompt = median(millis[0]);
        double keep = median(millis[1]);
        double restore = median(millis[2]);
        progress.printf(
            Locale.ROOT,
            "  %-8s %7d %11.1f %15.1f %12.1f %6.1fx%n",
            format,
            ids.length,
            prompt,
            keep,
            restore,
            prompt / restore);
        JsonObject object = new JsonObject();
        object.addProperty("format", format);
        object.addProperty("tokens", ids.length);
        object.addProperty("promptMillis", prompt);
        object.addProperty("checkpointMillis", keep);
        object.addProperty("restoreMillis", restore);
        array.add(object);
      }
    }
    return array;
  }

  private static void measure(
      LanguageModel model, int[] ids, String format, Path directory, double[][] millis, int round) {
    KvCacheBuilder builder =
        KvCache.builder(model.shape())
            .keys(Formats.named(format))
            .values(Formats.named(format))
            // What the context takes: a slab is zeroed when it is taken.
            .slabBytes(8L << 20)
            .model(model.identity());
    byte[] fingerprint = builder.fingerprint();
    try (DiskTier tier = DiskTier.at(directory).fingerprint(fingerprint).open();
        KvCache cache = builder.durable(tier).build();
        KvSequence sequence = cache.open()) {
      ForwardPass pass = new ForwardPass(model);
      long start = System.nanoTime();
      pass.forward(sequence, ids);
      long prompted = System.nanoTime();
      sequence.checkpoint(NAME, new byte[0]);
      millis[0][round] = (prompted - start) / 1e6;
      millis[1][round] = (System.nanoTime() - prompted) / 1e6;
    }
    try (DiskTier tier = DiskTier.at(directory).fingerprint(fingerprint).open();
        KvCache cache = builder.durable(tier).build()) {
      long start = System.nanoTime();
      Optional<KvSequence> restored = cache.restore(NAME);
      millis[2][round] = (System.nanoTime() - start) / 1e6;
      restored.orElseThrow().close();
    }
  }

  private static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }
}
