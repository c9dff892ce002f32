package io.kvarena.bench;

import io.kvarena.format.Formats;
import io.kvarena.format.PageFormat;
import io.kvarena.opencl.ClDevice;
import io.kvarena.opencl.ClDevices;
import io.kvarena.opencl.ClKernel;
import io.kvarena.opencl.ClShape;
import io.kvarena.opencl.ClTuning;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code kv tune}: which way of cutting a fold up suits an OpenCL device best. */
@Command(
    name = "kv tune",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description =
        "Times decode attention on the OpenCL device under several tunings and stores the quickest,"
            + " which later starts use.")
public final class Tune implements Runnable {

  private static final List<PageFormat> FORMATS = List.of(Formats.F16, Formats.Q8_0);
  private static final List<Integer> SPLITS = List.of(256, 512, 1024, 2048, 4096);
  private static final int STEPS = 7;

  /** The default stays unless another one is quicker by more than noise is. */
  private static final double GAIN_MIN = 1.03;

  @Option(names = "--context", description = "tokens of context; 16384")
  private int context = 16_384;

  @Option(names = "--dry-run", description = "stores nothing")
  private boolean dryRun;

  private final PrintStream out;

  private Tune(PrintStream out) {
    this.out = out;
  }

  public static void main(String[] args) {
    System.exit(execute(System.out, System.err, args));
  }

  /** Runs the command; its exit code: 2 for wrong usage, 1 for a failure. */
  static int execute(PrintStream out, PrintStream err, String... args) {
    CommandLine line = new CommandLine(new Tune(out));
    line.setOut(new PrintWriter(out, true, StandardCharsets.UTF_8));
    line.setErr(new PrintWriter(err, true, StandardCharsets.UTF_8));
    line.setExecutionExceptionHandler(
        (error, command, result) -> {
          err.println("kv tune: " + error.getMessage());
          return error instanceof IllegalArgumentException ? 2 : 1;
        });
    return line.execute(args);
  }

  @Override
  public void run() {
    if (context < PagedContext.PAGE_TOKENS || context > 1 << 20) {
      throw new IllegalArgumentException(
          "a context is 32 tokens to a million: context=" + context + "; 16384 is usual");
    }
    ClDevices.problem()
        .ifPresent(
            problem -> {
              throw new IllegalStateException(problem);
            });
    ClDevice device = ClDevices.all().getFirst();
    out.printf("%s, %d tokens of context, GB/s%n", device.describe(), context);
    out.println("  splitTokens      f16     q8_0");
    double[][] rates = new double[SPLITS.size()][];
    for (int i = 0; i < rates.length; i++) {
      rates[i] = rates(device, tuning(SPLITS.get(i)));
      out.printf(Locale.ROOT, "  %11d %8.2f %8.2f%n", SPLITS.get(i), rates[i][0], rates[i][1]);
    }
    finish(device, best(rates));
  }

  private static ClTuning tuning(int splitTokens) {
    return new ClTuning(splitTokens, ClTuning.DEFAULT.blockRows());
  }

  /** GB/s of each format, the median of a few steps. */
  private double[] rates(ClDevice device, ClTuning tuning) {
    ClKernel kernel = new ClKernel(device, ClShape.of(device), tuning);
    double[] rates = new double[FORMATS.size()];
    for (int f = 0; f < rates.length; f++) {
      PageFormat format = FORMATS.get(f);
      try (PagedContext pages = new PagedContext(format, context)) {
        pages.step(kernel);
        double[] times = new double[STEPS];
        for (int i = 0; i < STEPS; i++) {
          long start = System.nanoTime();
          pages.step(kernel);
          times[i] = System.nanoTime() - start;
        }
        Arrays.sort(times);
        rates[f] = PagedContext.bytes(format, context) / times[STEPS / 2];
      }
    }
    return rates;
  }

  /** The tuning under which all formats together take the least time. */
  private static ClTuning best(double[][] rates) {
    int usual = SPLITS.indexOf(ClTuning.DEFAULT.splitTokens());
    int best = usual;
    for (int i = 0; i < rates.length; i++) {
      if (time(rates[i]) < time(rates[best])) {
        best = i;
      }
    }
    return tuning(SPLITS.get(time(rates[usual]) > GAIN_MIN * time(rates[best]) ? best : usual));
  }

  private static double time(double[] rates) {
    return Arrays.stream(rates).map(rate -> 1 / rate).sum();
  }

  private void finish(ClDevice device, ClTuning best) {
    boolean usual = best.equals(ClTuning.DEFAULT);
    out.println("best: " + best + (usual ? ", the default" : ""));
    if (dryRun) {
      out.println("nothing is stored: --dry-run");
      return;
    }
    try {
      out.println("stored: " + best.store(device));
    } catch (IOException failed) {
      throw new IllegalStateException(
          "the tuning cannot be stored: " + failed.getMessage() + "; run with --dry-run", failed);
    }
  }
}
