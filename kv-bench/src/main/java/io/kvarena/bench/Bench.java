package io.kvarena.bench;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.kvarena.attention.AttentionKernel;
import io.kvarena.attention.Kernels;
import io.kvarena.format.Formats;
import io.kvarena.opencl.ClDevice;
import io.kvarena.opencl.ClDevices;
import io.kvarena.opencl.CopyCeiling;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The command {@code kv bench}. */
@Command(
    name = "kv bench",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description =
        "Times decode attention and appending beside a read ceiling measured in the same run.")
public final class Bench implements Runnable {

  private static final List<String> WHAT =
      List.of(
          "attention",
          "append",
          "all",
          "prefill",
          "prefix",
          "disk",
          "peers",
          "tier",
          "session",
          "lookup",
          "copy");

  private static final long COPY_BYTES_MAX = 1L << 30;

  /** Tokens of a step in which what the store does shows. */
  private static final int SHORT_CONTEXT = 256;

  @Parameters(
      arity = "0..1",
      paramLabel = "WHAT",
      description =
          "attention, append or all, which is both (the default); prefill and prefix by themselves;"
              + " disk: pages"
              + " through the disk tier; peers: the disk tier, RocksDB and LMDB; tier: a sequence"
              + " larger than memory; session: a restart; lookup: a prompt that is cached; copy: what each OpenCL device's memory gives at most")
  private String what = "all";

  @Option(
      names = "--kernels",
      split = ",",
      description = "which kernels; all that are usable here but scalar, which takes long")
  private List<String> kernels =
      Kernels.usable().stream()
          .map(AttentionKernel::name)
          .filter(name -> !name.equals("scalar"))
          .toList();

  @Option(
      names = "--formats",
      split = ",",
      description = "f32 f16 bf16 q8_0 q4_0 int8 fp8_e4m3 turbo4 turbo3 turbo2 kivi4 kivi2")
  private List<String> formats = List.of("f16", "q8_0", "q4_0");

  @Option(names = "--contexts", split = ",", description = "tokens of context; 4096,16384,65536")
  private List<Integer> contexts = List.of(4096, 16384, 65536);

  @Option(names = "--chunks", split = ",", description = "query tokens of prefill; 64,256,512")
  private List<Integer> chunks = List.of(64, 256, 512);

  @Option(names = "--prefix", description = "tokens that the sequences of a batch share; 4096")
  private int prefix = 4096;

  @Option(names = "--sequences", description = "sequences of that batch; 64")
  private int sequences = 64;

  @Option(
      names = "--threads",
      split = ",",
      description =
          "threads that share a step; 1, where a kernel runs alone; 2,4 go through a cache")
  private List<Integer> threads = List.of(1);

  @Option(names = "--seconds", description = "time for each line, warm-up included; 0.5")
  private double seconds = 0.5;

  @Option(
      names = "--forks",
      description = "processes for each line; 0 runs everything in this one, which is quick")
  private int forks;

  @Option(names = "--pages", split = ",", description = "bytes of pages to and from disk")
  private List<Integer> pages = List.of(16 << 10, 64 << 10, 256 << 10, 1 << 20);

  @Option(names = "--megabytes", description = "what is moved to and from disk a round; 256")
  private int megabytes = 256;

  @Option(names = "--rounds", description = "how often; the medians count; 5")
  private int rounds = 5;

  @Option(
      names = "--io",
      split = ",",
      description =
          "how files are read and written, in turn if more than one: channel,uring; what tiers use")
  private List<String> ios = List.of();

  @Option(
      names = "--directory",
      description = "a directory on the disk in question; one beside what ./kv keeps")
  private @Nullable Path directory;

  @Option(names = "--json", description = "the rows as one JSON object in the last line")
  private boolean json;

  @Option(names = "--png", paramLabel = "FILE", description = "where the picture goes")
  private @Nullable Path png;

  private final PrintStream out;
  private final PrintStream err;

  private Bench(PrintStream out, PrintStream err) {
    this.out = out;
    this.err = err;
  }

  /** Runs the command and exits with its code: 2 for wrong usage, 1 for a failure. */
  public static void main(String[] args) {
    System.exit(execute(System.out, System.err, args));
  }

  /** Runs the command; its exit code. */
  static int execute(PrintStream out, PrintStream err, String... args) {
    System.setProperty("java.awt.headless", "true");
    System.setProperty("jmh.ignoreLock", "true");
    CommandLine line = new CommandLine(new Bench(out, err));
    line.setOut(new PrintWriter(out, true, StandardCharsets.UTF_8));
    line.setErr(new PrintWriter(err, true, StandardCharsets.UTF_8));
    line.setExecutionExceptionHandler(
        (error, command, result) -> {
          err.println("kv bench: " + error.getMessage());
          return error instanceof IllegalArgumentException ? 2 : 1;
        });
    return line.execute(args);
  }

  @Override
  public void run() {
    check();
    PrintStream progress = json ? err : out;
    Measurement measurement =
        new Measurement(forks, 5, Math.max(20, Math.round(seconds * 1000 / 7)));
    if (what.equals("prefix")) {
      prefix(measurement, progress);
      return;
    }
    if (List.of("disk", "peers", "tier", "session", "lookup").contains(what)) {
      fromDisk(progress);
      return;
    }
    if (what.equals("prefill")) {
      prefill(measurement, progress);
      return;
    }
    if (what.equals("copy")) {
      copy();
      return;
    }
    List<Row> attention = List.of();
    List<Row> append = List.of();
    if (!what.equals("append")) {
      progress.printf(
          "decode attention: 32 query heads, 8 KV heads, dim 128, pages of 32 tokens; about %.0f s%n",
          estimate());
      attention = new ArrayList<>();
      for (int count : threads) {
        attention.addAll(measurement.attention(kernels, formats, contexts, count));
      }
      progress.println(
          "  kernel       format    context threads        µs    GB/s  of ceiling  Gelements/s");
      for (Row row : attention) {
        progress.printf(
            Locale.ROOT,
            "  %-12s %-8s %8d %7d %9.0f %7.2f %9.0f %% %12.2f%n",
            row.kernel(),
            row.format(),
            row.context(),
            row.threads(),
            row.microseconds(),
            row.gigabytesPerSecond(),
            100 * row.ceilingShare(),
            row.gigaElementsPerSecond());
      }
    }
    if (!attention.isEmpty() && threads.contains(1)) {
      storeShare(measurement, progress);
    }
    if (!what.equals("attention")) {
      progress.println(
          "a page of 32 tokens, 8 KV heads, dim 128: append through a sequence, of which put is"
              + " writing raw rows and seal is encoding");
      append = measurement.append(kernels, formats);
      progress.println(
          "  kernel and step      format                µs    GB/s written  Gelements/s");
      for (Row row : append) {
        progress.printf(
            Locale.ROOT,
            "  %-20s %-16s %7.1f %15.2f %12.3f%n",
            row.kernel(),
            row.format(),
            row.microseconds(),
            row.gigabytesPerSecond(),
            row.gigaElementsPerSecond());
      }
    }
    if (!attention.isEmpty()) {
      Path file = png == null ? picture() : png;
      BenchChart.write(attention, file);
      progress.println("picture: " + file);
    }
    if (json) {
      JsonObject object = new JsonObject();
      object.add("rows", rows(attention));
      object.add("append", rows(append));
      out.println(object);
    }
  }

  private void prefix(Measurement measurement, PrintStream progress) {
    progress.printf(
        "decode step of %d sequences with one prefix of %d tokens: 32 query heads, 8 KV heads, dim"
            + " 128; apart, each has the prefix in pages of its own%n",
        sequences, prefix);
    List<PrefixRow> rows = new ArrayList<>();
    for (int count : threads) {
      rows.addAll(measurement.prefix(kernels, formats, prefix, sequences, count));
    }
    progress.println("  kernel       format   threads  apart, µs  shared, µs    gain");
    JsonArray array = new JsonArray();
    for (PrefixRow row : rows) {
      progress.printf(
          Locale.ROOT,
          "  %-12s %-8s %7d %10.0f %11.0f %6.2fx%n",
          row.kernel(),
          row.format(),
          row.threads(),
          row.apartMicroseconds(),
          row.sharedMicroseconds(),
          row.gain());
      JsonObject object = new JsonObject();
      object.addProperty("kernel", row.kernel());
      object.addProperty("format", row.format());
      object.addProperty("prefix", row.prefix());
      object.addProperty("sequences", row.sequences());
      object.addProperty("threads", row.threads());
      object.addProperty("apartMicroseconds", row.apartMicroseconds());
      object.addProperty("sharedMicroseconds", row.sharedMicroseconds());
      object.addProperty("gain", row.gain());
      array.add(object);
    }
    if (json) {
      JsonObject object = new JsonObject();
      object.add("prefix", array);
      out.println(object);
    }
  }

  /** Pages, sequences and sessions from disk: {@link DiskReport}. */
  private void fromDisk(PrintStream progress) {
    Path place = directory == null ? beside("bench-disk") : directory;
    DiskReport report = new DiskReport(progress, place, rounds);
    try {
      JsonArray rows =
          switch (what) {
            case "disk" -> report.disk(pages, megabytes, ios);
            case "peers" -> report.peers(pages, megabytes);
            case "tier" ->
                TierBenchmark.report(progress, place, kernels, formats, contexts, threads);
            case "lookup" -> LookupBenchmark.report(progress, threads);
            default -> SessionBenchmark.report(progress, place, formats, rounds);
          };
      if (json) {
        JsonObject object = new JsonObject();
        object.add(what, rows);
        out.println(object);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(
          "the directory cannot be used: directory=" + place + "; name another", e);
    }
  }

  private void prefill(Measurement measurement, PrintStream progress) {
    progress.println(
        "attention of a chunk, the last tokens of its context, without a cache: 32 query heads, 8"
            + " KV heads, dim 128, pages of 32 tokens; OpenCL takes all the cores it is given, other"
            + " kernels one");
    progress.println("  kernel       format    context   chunk        µs  GFLOP/s");
    JsonArray array = new JsonArray();
    for (ChunkRow row : measurement.prefill(kernels, formats, contexts, chunks)) {
      progress.printf(
          Locale.ROOT,
          "  %-12s %-8s %8d %7d %9.0f %8.1f%n",
          row.kernel(),
          row.format(),
          row.context(),
          row.chunk(),
          row.microseconds(),
          row.gigaflopsPerSecond());
      JsonObject object = new JsonObject();
      object.addProperty("kernel", row.kernel());
      object.addProperty("format", row.format());
      object.addProperty("context", row.context());
      object.addProperty("chunk", row.chunk());
      object.addProperty("microseconds", row.microseconds());
      object.addProperty("gigaflopsPerSecond", row.gigaflopsPerSecond());
      array.add(object);
    }
    if (json) {
      JsonObject object = new JsonObject();
      object.add("prefill", array);
      out.println(object);
    }
  }

  /** Copies in each OpenCL device's memory; beside them attention there can be judged. */
  private void copy() {
    ClDevices.problem()
        .ifPresent(
            problem -> {
              throw new IllegalStateException(problem);
            });
    out.println("copy in device memory, bytes read and written:");
    for (ClDevice device : ClDevices.all()) {
      long bytes = Math.min(COPY_BYTES_MAX, device.allocationBytesMax() / 4);
      double rate = CopyCeiling.bytesPerSecond(device, bytes);
      out.printf(Locale.ROOT, "  copy %9.2f GB/s  %s%n", rate / 1e9, device.describe());
    }
  }

  /** What the store adds to a short step: calls, page tables, raw rows, merging. */
  private void storeShare(Measurement measurement, PrintStream progress) {
    String format = formats.getFirst();
    List<Row> alone = measurement.attention(kernels, List.of(format), List.of(SHORT_CONTEXT), 1);
    List<String> names = new ArrayList<>(kernels);
    names.add(AttentionBenchmark.STORE);
    Map<String, Double> cached = measurement.throughACache(names, format, SHORT_CONTEXT);
    double own = cached.getOrDefault(AttentionBenchmark.STORE, 0.0);
    progress.printf(
        Locale.ROOT,
        "a step of %d tokens of %s, µs: the kernel alone, through a cache with one raw token more,"
            + " and what of that is the store's own%n",
        SHORT_CONTEXT,
        format);
    for (Row row : alone) {
      if (cached.containsKey(row.kernel())) {
        progress.printf(
            Locale.ROOT,
            "  %-12s %9.1f %9.1f %9.1f %4.1f %%%n",
            row.kernel(),
            row.microseconds(),
            cached.get(row.kernel()),
            own,
            100 * own / cached.get(row.kernel()));
      }
    }
  }

  /** Seconds that the decode steps take: the lines, their pages, and the JIT. */
  private double estimate() {
    return threads.size()
        * formats.size()
        * ((kernels.size() + 1) * contexts.size() * (seconds + 0.3) + kernels.size());
  }

  private void check() {
    if (!WHAT.contains(what)) {
      throw new IllegalArgumentException(
          "no such benchmark: what=" + what + "; use one of " + String.join(", ", WHAT));
    }
    if (rounds < 1
        || megabytes < 16
        || pages.stream().anyMatch(bytes -> bytes < 4096 || bytes % 4096 != 0 || bytes > 8 << 20)) {
      throw new IllegalArgumentException(
          "pages on disk are 4096 bytes to 8 MiB, in blocks, and there are rounds of 16 MiB at least: pages="
              + pages
              + ", megabytes="
              + megabytes
              + ", rounds="
              + rounds
              + "; 65536, 256 and 5 are usual");
    }
    kernels.forEach(Kernels::named);
    formats.forEach(Formats::named);
    for (int context : contexts) {
      if (context < PagedContext.PAGE_TOKENS || context > 1 << 20) {
        throw new IllegalArgumentException(
            "a context is 32 tokens to a million: context=" + context + "; 16384 is usual");
      }
    }
    int shortest = Collections.min(contexts);
    if (what.equals("prefill") && chunks.stream().anyMatch(c -> c < 1 || c > shortest)) {
      throw new IllegalArgumentException(
          "a chunk lies in its context: chunks="
              + chunks
              + ", context="
              + shortest
              + "; give shorter chunks or longer contexts");
    }
    if (prefix < PagedContext.PAGE_TOKENS || prefix > 1 << 20 || sequences < 1) {
      throw new IllegalArgumentException(
          "a prefix is 32 tokens to a million, and a batch has sequences: prefix="
              + prefix
              + ", sequences="
              + sequences
              + "; 4096 and 64 are the defaults");
    }
    if (threads.stream().anyMatch(count -> count < 1 || count > 256) || !(seconds > 0)) {
      throw new IllegalArgumentException(
          "threads and seconds are positive: threads="
              + threads
              + ", seconds="
              + seconds
              + "; 1 and 0.5 are the defaults");
    }
  }

  private static Path picture() {
    return beside("bench.png");
  }

  /** Beside what the launcher keeps, or here. */
  private static Path beside(String name) {
    Path folder = Path.of(".kv");
    return Files.isDirectory(folder) ? folder.resolve(name) : Path.of("kv-" + name);
  }

  private static JsonArray rows(List<Row> rows) {
    JsonArray array = new JsonArray();
    for (Row row : rows) {
      JsonObject object = new JsonObject();
      object.addProperty("kernel", row.kernel());
      object.addProperty("format", row.format());
      object.addProperty("context", row.context());
      object.addProperty("threads", row.threads());
      object.addProperty("microseconds", row.microseconds());
      object.addProperty("gigabytesPerSecond", row.gigabytesPerSecond());
      object.addProperty("ceilingShare", row.ceilingShare());
      object.addProperty("gigaElementsPerSecond", row.gigaElementsPerSecond());
      array.add(object);
    }
    return array;
  }
}
