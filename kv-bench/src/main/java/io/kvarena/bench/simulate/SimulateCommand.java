package io.kvarena.bench.simulate;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.kvarena.fixtures.trace.TraceRecipe;
import io.kvarena.fixtures.trace.TraceRequest;
import io.kvarena.policies.replacement.Policies;
import java.io.Console;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import me.tongfei.progressbar.DelegatingProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The command {@code kv simulate}. */
@Command(
    name = "kv simulate",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Hit rates of replacement policies on traces of requests with shared prefixes. Requests are"
          + " replayed one after the other: a hit is a block that is there when its request comes,"
          + " then all blocks of the request are used in their order. block: hits of all uses;"
          + " prefix: those before the first miss of a request; tokens: tokens in these, of all"
          + " prompts; regret: what the clairvoyant has more, block hits.",
      "",
      "A trace is a file of JSON lines as Mooncake's and LMCache's (timestamp, input_length,"
          + " output_length, hash_ids, session), or FILE.csv, whose first line names these columns"
          + " and whose hash_ids are separated by spaces. Without a file a trace is made up.",
      ""
    })
public final class SimulateCommand implements Runnable {

  /** Bytes of keys and values of a token: 8 billion parameters with 8 KV heads, 32 layers, f16. */
  private static final long TOKEN_BYTES = 128 << 10;

  @Option(names = "--trace", paramLabel = "FILE", description = "a trace; may be given again")
  private List<Path> files = List.of();

  @Option(
      names = "--generate",
      split = ",",
      paramLabel = "KIND",
      description = "made-up traces: conversation (the default without a file) or agent")
  private @Nullable List<String> generate;

  @Option(names = "--requests", paramLabel = "N", description = "of a made-up trace; 4000")
  private int requests = 4000;

  @Option(names = "--seed", paramLabel = "N", description = "of a made-up trace; 1")
  private long seed = 1;

  @Option(
      names = "--capacity",
      split = ",",
      paramLabel = "BLOCKS",
      description = "blocks that fit; 1k,3k,10k")
  private List<String> capacities = List.of("1k", "3k", "10k");

  @Option(
      names = "--policies",
      split = ",",
      paramLabel = "NAME",
      completionCandidates = PolicyNames.class,
      description = "${COMPLETION-CANDIDATES}; all")
  private @Nullable List<String> names;

  @Option(
      names = "--tiers",
      split = ",",
      paramLabel = "NAME:BYTES[:SPEED]",
      description =
          "tiers instead of capacities, first to last, such as host:8g:20GB/s,disk:100g:2GB/s: what"
              + " goes from one comes to the next, and a hit is loaded at that tier's speed")
  private @Nullable List<String> tiers;

  @Option(
      names = "--block-bytes",
      paramLabel = "BYTES",
      description = "keys and values of a block, such as 64m; 128k for each of its tokens")
  private @Nullable String blockBytes;

  @Option(
      names = "--block-tokens",
      paramLabel = "N",
      description = "tokens of a block; found from input_length and hash_ids if not given")
  private @Nullable Integer blockTokens;

  @Option(
      names = "--prefill",
      paramLabel = "TOKENS/S",
      description = "speed of the prefill that hits save; 5000")
  private double tokensPerSecond = 5000;

  @Option(
      names = "--markdown",
      description = "one table of all traces and capacities, as in docs/replacement.md, no other")
  private boolean markdown;

  @Option(names = "--json", description = "the rows as one JSON object in the last line")
  private boolean json;

  @Option(
      names = "--png",
      paramLabel = "DIR",
      description = "a picture of each trace, hit rate against capacity, goes there")
  private @Nullable Path png;

  /** What the help names. */
  static final class PolicyNames implements Iterable<String> {
    @Override
    public Iterator<String> iterator() {
      return Policies.all().stream().map(Policies.Entry::name).iterator();
    }
  }

  private final PrintStream out;
  private final PrintStream err;

  private SimulateCommand(PrintStream out, PrintStream err) {
    this.out = out;
    this.err = err;
  }

  /**
   * Runs the command and exits with its code: 2 for wrong usage or a bad trace, 1 for a failure.
   */
  public static void main(String[] args) {
    System.exit(execute(System.out, System.err, args));
  }

  /** Runs the command; its exit code. */
  static int execute(PrintStream out, PrintStream err, String... args) {
    System.setProperty("java.awt.headless", "true");
    CommandLine line = new CommandLine(new SimulateCommand(out, err));
    line.setOut(new PrintWriter(out, true, StandardCharsets.UTF_8));
    line.setErr(new PrintWriter(err, true, StandardCharsets.UTF_8));
    line.setExecutionExceptionHandler(
        (error, command, result) -> {
          err.println("kv simulate: " + error.getMessage());
          return error instanceof IllegalArgumentException ? 2 : 1;
        });
    return line.execute(args);
  }

  @Override
  public void run() {
    // all that can be wrong is looked at before anything is shown or written
    check();
    List<Policies.Entry> policies =
        names == null ? Policies.all() : names.stream().distinct().map(Policies::named).toList();
    List<Simulation> simulations = new ArrayList<>();
    List<Trace> traces = traces();
    for (Trace trace : traces) {
      long bytes =
          blockBytes == null ? TOKEN_BYTES * trace.blockTokens() : TierSpec.bytes(blockBytes);
      simulations.add(new Simulation(trace, policies, hierarchies(bytes), bytes, tokensPerSecond));
    }
    Path folder = png;
    if (folder != null) {
      create(folder);
    }
    PrintStream text = json || markdown ? err : out;
    List<SimulationRow> all = new ArrayList<>();
    for (int i = 0; i < traces.size(); i++) {
      Trace trace = traces.get(i);
      List<SimulationRow> rows = run(trace, simulations.get(i));
      text.printf(
          Locale.ROOT,
          "%s: %,d requests, %,d uses of %,d blocks of %d tokens%n",
          trace.name(),
          trace.requests().length,
          trace.uses(),
          trace.keys().length,
          trace.blockTokens());
      SimulationTable table = new SimulationTable(text);
      if (tiers == null) {
        table.print(rows);
      } else {
        table.printTiers(rows);
      }
      if (folder != null) {
        Path file = folder.resolve(trace.name() + ".png");
        SimulationChart.write(rows, file);
        text.println("picture: " + file);
      }
      all.addAll(rows);
    }
    if (markdown) {
      new SimulationTable(out).printMarkdown(all, policies);
    }
    if (json) {
      JsonArray array = new JsonArray();
      all.forEach(row -> array.add(row.json(tiers != null)));
      JsonObject object = new JsonObject();
      object.add("rows", array);
      out.println(object);
    }
  }

  private void check() {
    if (requests < 1 || (blockTokens != null && blockTokens < 1) || !(tokensPerSecond > 0)) {
      throw new IllegalArgumentException(
          "there are requests, a block has tokens, and prefill a speed: requests="
              + requests
              + ", blockTokens="
              + blockTokens
              + ", prefill="
              + tokensPerSecond
              + "; leave them out for the defaults");
    }
  }

  private List<List<TierSpec>> hierarchies(long bytes) {
    if (tiers != null) {
      return List.of(TierSpec.parse(tiers, bytes));
    }
    return capacities.stream().map(TierSpec::count).distinct().map(TierSpec::single).toList();
  }

  private List<Trace> traces() {
    List<Trace> traces = new ArrayList<>();
    for (Path file : files) {
      String name = String.valueOf(file.getFileName()).replaceFirst("\\.(jsonl|json|csv)$", "");
      // two files of one name in different folders have pictures of their own
      boolean taken = traces.stream().anyMatch(trace -> trace.name().equals(name));
      traces.add(trace(taken ? name + "-" + traces.size() : name, TraceReader.read(file)));
    }
    List<String> kinds = generate;
    if (kinds == null) {
      kinds = files.isEmpty() ? List.of("conversation") : List.of();
    }
    for (String kind : kinds) {
      TraceRecipe recipe =
          switch (kind) {
            case "conversation" -> TraceRecipe.conversation(requests);
            case "agent" -> TraceRecipe.agent(requests);
            default ->
                throw new IllegalArgumentException(
                    "no such kind of trace: kind=" + kind + "; use conversation or agent");
          };
      traces.add(trace("generated-" + kind, recipe.generate(seed)));
    }
    return traces;
  }

  private Trace trace(String name, List<TraceRequest> found) {
    int tokens = blockTokens == null ? BlockTokens.of(name, found) : blockTokens;
    return Trace.of(name, tokens, found);
  }

  private static void create(Path folder) {
    try {
      Files.createDirectories(folder);
    } catch (IOException e) {
      throw new UncheckedIOException(
          "the folder for pictures cannot be made: folder=" + folder + "; name another", e);
    }
  }

  private List<SimulationRow> run(Trace trace, Simulation simulation) {
    if (!isTerminal()) {
      return simulation.run(() -> {});
    }
    try (ProgressBar bar =
        new ProgressBarBuilder()
            .setTaskName(trace.name())
            .setInitialMax(simulation.cases())
            .setStyle(ProgressBarStyle.ASCII)
            .setUpdateIntervalMillis(100)
            .setConsumer(new DelegatingProgressBarConsumer(this::rewrite, 100))
            .build()) {
      return simulation.run(bar::step);
    } finally {
      rewrite("");
    }
  }

  private void rewrite(String line) {
    err.print("\r\033[2K" + line);
    err.flush();
  }

  @SuppressWarnings("SystemConsoleNull") // the documentation still allows null
  private static boolean isTerminal() {
    Console console = System.console();
    return console != null && console.isTerminal();
  }
}
