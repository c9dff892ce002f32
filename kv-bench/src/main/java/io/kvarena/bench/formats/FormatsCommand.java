package io.kvarena.bench.formats;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.kvarena.format.Formats;
import io.kvarena.format.PageFormat;
import io.kvarena.llm.model.LanguageModel;
import io.kvarena.llm.model.ReferenceTexts;
import io.kvarena.transform.Calibration;
import java.io.Console;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The command {@code kv formats}. */
@Command(
    name = "kv formats",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "What formats and transforms cost: bits, and accuracy on made-up tensors and on the",
      "embedded model. f32 and f16 are always there: the others are compared with them."
    })
public final class FormatsCommand implements Runnable {

  /** Tokens from which a model's transforms are calibrated. */
  private static final int CALIBRATION_TOKENS = 1024;

  @Option(
      names = "--formats",
      split = ",",
      paramLabel = "NAME",
      description = "formats, or KEYS/VALUES; all if only transforms are given")
  private @Nullable List<String> formats;

  @Option(
      names = "--transforms",
      split = ",",
      paramLabel = "NAME",
      description =
          "of keys: identity, or any of centred+balanced+hadamard, then +calibrated if their"
              + " numbers are not to come from a sequence's first page; values are rotated where"
              + " keys are; identity and three more if only formats are given")
  private @Nullable List<String> transforms;

  @Option(
      names = "--page-tokens",
      paramLabel = "N",
      description = "tokens in a page: 8, 16, … 64; 32")
  private int pageTokens = 32;

  @Option(
      names = "--pinned",
      paramLabel = "N",
      description = "tokens at the start that stay f16; 0")
  private int pinned;

  @Option(
      names = {"--tensors-only", "--quick"},
      description = "made-up tensors only, no model: seconds")
  private boolean tensorsOnly;

  @Option(names = "--windows", paramLabel = "N", description = "texts that are read, 1 to 4; 4")
  private int windows = 4;

  @Option(
      names = "--window-tokens",
      paramLabel = "N",
      description = "tokens of a text, 128 to 2048; 2048")
  private int windowTokens = 2048;

  @Option(names = "--passkeys", paramLabel = "N", description = "pass keys, 0 to 40; 40")
  private int passkeys = 40;

  @Option(names = "--seed", paramLabel = "N", description = "of made-up tensors and text; 1")
  private long seed = 1;

  @Option(names = "--json", description = "the rows as one JSON object in the last line")
  private boolean json;

  @Option(names = "--png", paramLabel = "FILE", description = "where the picture goes")
  private @Nullable Path png;

  private final PrintStream out;
  private final PrintStream err;

  private FormatsCommand(PrintStream out, PrintStream err) {
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
    CommandLine line = new CommandLine(new FormatsCommand(out, err));
    line.setOut(new PrintWriter(out, true, StandardCharsets.UTF_8));
    line.setErr(new PrintWriter(err, true, StandardCharsets.UTF_8));
    line.setExecutionExceptionHandler(
        (error, command, result) -> {
          err.println("kv formats: " + error.getMessage());
          return error instanceof IllegalArgumentException ? 2 : 1;
        });
    return line.execute(args);
  }

  @Override
  public void run() {
    check();
    List<Recipe> recipes = recipes();
    PrintStream text = json ? err : out;
    List<FormatRow> rows = tensorsOnly ? measure(recipes, null, null) : measureWithModel(recipes);
    new FormatTable(text, !tensorsOnly).print(rows);
    Path file = png == null ? picture() : png;
    FormatChart.write(rows, file);
    text.println("picture: " + file);
    if (json) {
      JsonArray array = new JsonArray();
      rows.forEach(row -> array.add(row.json()));
      JsonObject object = new JsonObject();
      object.addProperty("seed", seed);
      object.add("rows", array);
      out.println(object);
    }
  }

  private void check() {
    if (windows < 1 || windows > 4 || passkeys < 0 || passkeys > 40) {
      throw new IllegalArgumentException(
          "there are 4 texts and 40 pass keys: windows="
              + windows
              + ", passkeys="
              + passkeys
              + "; read at least one text");
    }
    if (windowTokens < 128 || windowTokens > 2048) {
      throw new IllegalArgumentException(
          "a text has 128 to 2048 tokens: windowTokens=" + windowTokens + "; 2048 is all of it");
    }
    if (pageTokens < 8 || pageTokens > 64 || pageTokens % 8 != 0 || pinned < 0) {
      throw new IllegalArgumentException(
          "a page holds 8, 16, … or 64 tokens and some may be pinned: pageTokens="
              + pageTokens
              + ", pinned="
              + pinned
              + "; 32 and 0 are the defaults");
    }
  }

  private List<Recipe> recipes() {
    Set<Recipe> recipes = new LinkedHashSet<>(List.of(Recipe.F32, Recipe.F16));
    if (formats == null && transforms == null) {
      recipes.clear();
      Recipe.usual().forEach(recipe -> recipes.add(mixed(recipe)));
    } else {
      List<String> names =
          formats == null ? Formats.all().stream().map(PageFormat::name).toList() : formats;
      for (String format : names) {
        for (String transform : transforms == null ? Recipe.TRANSFORMS : transforms) {
          recipes.add(mixed(Recipe.of(format, transform)));
        }
      }
    }
    return List.copyOf(recipes);
  }

  /** The recipe in the pages that were asked for; what others compare with stays as it is. */
  private Recipe mixed(Recipe recipe) {
    return recipe.equals(Recipe.F32) || recipe.equals(Recipe.F16)
        ? recipe
        : recipe.withPageTokens(pageTokens).withPinned(pinned);
  }

  private List<FormatRow> measureWithModel(List<Recipe> recipes) {
    err.println("calibrating on " + CALIBRATION_TOKENS + " tokens that the embedded model writes");
    try (LanguageModel model = LanguageModel.embedded()) {
      ReferenceTexts reference = ReferenceTexts.embedded();
      List<int[]> texts =
          reference.windows().subList(0, windows).stream()
              .map(ids -> Arrays.copyOf(ids, windowTokens))
              .toList();
      Calibration calibration =
          ModelTensors.calibrate(model, ModelTensors.sample(model, CALIBRATION_TOKENS, seed));
      List<HeadTensors> heads = ModelTensors.heads(model, texts.getFirst(), calibration);
      try (ModelQuality quality =
          new ModelQuality(model, calibration, texts, reference.passkeys().subList(0, passkeys))) {
        return measure(recipes, heads, quality);
      }
    }
  }

  private List<FormatRow> measure(
      List<Recipe> recipes, @Nullable List<HeadTensors> dumped, @Nullable ModelQuality quality) {
    Map<String, List<ExactHead>> tensors = new LinkedHashMap<>();
    for (SyntheticKind kind : SyntheticKind.values()) {
      tensors.put(kind.label(), exact(kind.heads(seed)));
    }
    if (dumped != null) {
      tensors.put(FormatRow.DUMPED, exact(dumped));
    }
    Progress progress = new Progress(err, recipes.size());
    List<FormatRow> rows = new ArrayList<>();
    for (Recipe recipe : recipes) {
      Map<String, Distortion> distortions = new LinkedHashMap<>();
      tensors.forEach((name, heads) -> distortions.put(name, distortion(recipe, heads)));
      rows.add(
          new FormatRow(recipe, distortions, quality == null ? null : quality.measure(recipe), 0));
      progress.done(recipe.name());
    }
    return compared(rows);
  }

  private static List<ExactHead> exact(List<HeadTensors> heads) {
    return heads.parallelStream().map(ExactHead::of).toList();
  }

  private static Distortion distortion(Recipe recipe, List<ExactHead> heads) {
    return Distortion.mean(
        heads.parallelStream().map(head -> new CodedHead(recipe, head).distortion()).toList());
  }

  /** The rows, their perplexity compared with that of f16, wherever it stands in the table. */
  private static List<FormatRow> compared(List<FormatRow> rows) {
    double f16 =
        rows.stream()
            .filter(row -> row.recipe().equals(Recipe.F16))
            .mapToDouble(FormatRow::perplexity)
            .findFirst()
            .orElseThrow();
    return rows.stream().map(row -> row.withChange(row.perplexity() / f16 - 1)).toList();
  }

  /** Beside what the launcher keeps, or here. */
  private static Path picture() {
    Path folder = Path.of(".kv");
    return Files.isDirectory(folder) ? folder.resolve("formats.png") : Path.of("kv-formats.png");
  }

  /** One line that is rewritten on a terminal, else a line for each row. */
  private static final class Progress {
    private final PrintStream err;
    private final int count;
    private final long start = System.nanoTime();
    private final boolean terminal = isTerminal();
    private int done;

    Progress(PrintStream err, int count) {
      this.err = err;
      this.count = count;
    }

    @SuppressWarnings("SystemConsoleNull") // the documentation still allows null
    private static boolean isTerminal() {
      Console console = System.console();
      return console != null && console.isTerminal();
    }

    void done(String name) {
      done++;
      double seconds = (System.nanoTime() - start) / 1e9;
      err.printf(
          Locale.ROOT,
          "%s%d of %d: %s; %.0f s, about %.0f s to go%s",
          terminal ? "\r\033[2K" : "",
          done,
          count,
          name,
          seconds,
          seconds / done * (count - done),
          terminal && done < count ? "" : System.lineSeparator());
      err.flush();
    }
  }
}
