package io.kvarena.bench;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.kvarena.tier.FileIo;
import io.kvarena.tier.disk.FileIos;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Prints what disks and stores on them give, a line as soon as it is measured. */
final class DiskReport {

  private final PrintStream progress;
  private final Path place;
  private final int rounds;

  /**
   * @param place a directory on the disk in question
   * @param rounds whose medians count
   */
  DiskReport(PrintStream progress, Path place, int rounds) {
    this.progress = progress;
    this.place = place.toAbsolutePath();
    this.rounds = rounds;
  }

  /** Pages through the disk tier beside the same reads and writes without it. */
  JsonArray disk(List<Integer> pages, int megabytes, List<String> ios) throws IOException {
    progress.printf(
        "pages to and from %s, %d MiB a round, in calls of 16 MiB; raw: the same reads and writes"
            + " without a tier; extents: the same bytes, 512 KiB each%n",
        place, megabytes);
    progress.println(
        "  io       action          page, KiB  encrypted  tier, GB/s  raw, GB/s  share"
            + "  extents, GB/s  share");
    JsonArray array = new JsonArray();
    try (DiskBenchmark benchmark =
        new DiskBenchmark(place, (long) megabytes << 20, rounds, ios.isEmpty() ? usual() : ios)) {
      for (int pageBytes : pages) {
        for (boolean encrypted : new boolean[] {false, true}) {
          for (DiskRow row : benchmark.run(pageBytes, encrypted)) {
            progress.printf(
                Locale.ROOT,
                "  %-8s %-15s %9d  %9s %11.2f %10.2f %4.0f %% %14.2f %4.0f %%%n",
                row.io(),
                row.action(),
                row.pageBytes() >> 10,
                row.encrypted() ? "yes" : "no",
                row.gigabytesPerSecond(),
                row.rawGigabytesPerSecond(),
                100 * row.share(),
                row.extentGigabytesPerSecond(),
                100 * row.extentShare());
            JsonObject object = new JsonObject();
            object.addProperty("io", row.io());
            object.addProperty("action", row.action());
            object.addProperty("pageBytes", row.pageBytes());
            object.addProperty("encrypted", row.encrypted());
            object.addProperty("rawGigabytesPerSecond", row.rawGigabytesPerSecond());
            object.addProperty("extentGigabytesPerSecond", row.extentGigabytesPerSecond());
            object.addProperty("gigabytesPerSecond", row.gigabytesPerSecond());
            object.addProperty("share", row.share());
            array.add(object);
          }
        }
      }
      progress.println("io: " + benchmark.how());
    }
    return array;
  }

  /** The disk tier beside what else keeps values by key. */
  JsonArray peers(List<Integer> pages, int megabytes) throws IOException {
    progress.printf(
        "pages to and from %s, %d MiB a round, in calls of 16 MiB: stored and synced; loaded after"
            + " a restart, page cache dropped%n",
        place, megabytes);
    progress.println("  page, KiB  store      stored, GB/s  of it  loaded, GB/s  of it");
    JsonArray array = new JsonArray();
    try {
      Files.createDirectories(place);
      PeerBenchmark benchmark = new PeerBenchmark(place, (long) megabytes << 20, rounds);
      for (int pageBytes : pages) {
        Map<String, PeerBenchmark.Speed> speeds = benchmark.run(pageBytes);
        PeerBenchmark.Speed own = speeds.values().iterator().next();
        for (Map.Entry<String, PeerBenchmark.Speed> entry : speeds.entrySet()) {
          PeerBenchmark.Speed speed = entry.getValue();
          progress.printf(
              Locale.ROOT,
              "  %9d  %-9s %13.2f %5.1fx %12.2f %5.1fx%n",
              pageBytes >> 10,
              entry.getKey(),
              speed.store(),
              own.store() / speed.store(),
              speed.load(),
              own.load() / speed.load());
          JsonObject object = new JsonObject();
          object.addProperty("store", entry.getKey());
          object.addProperty("pageBytes", pageBytes);
          object.addProperty("storedGigabytesPerSecond", speed.store());
          object.addProperty("loadedGigabytesPerSecond", speed.load());
          array.add(object);
        }
      }
    } catch (Exception e) {
      throw new IllegalStateException("the comparison failed: " + e.getMessage(), e);
    }
    return array;
  }

  private static List<String> usual() {
    try (FileIo io = FileIos.best()) {
      return List.of(io.name());
    }
  }
}
