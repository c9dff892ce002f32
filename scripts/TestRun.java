import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import org.xml.sax.SAXException;

/**
 * A run of all tests through Maven, told in a line for each test class and summed up from the test
 * reports.
 *
 * <p>Started from its source by {@code ./kv test} as {@code java TestRun.java ROOT MAVEN
 * [ARGUMENT…]}. Its last line is {@code N passed, N failed, N skipped}; above it stand the reasons.
 * The exit status is 0 only if something passed and nothing failed. A build that breaks counts as
 * one failure for each broken module. Lines a test prints with {@link #FIGURE} in front are passed
 * on: they are figures that a reader of the run wants to see.
 */
public final class TestRun {
  private static final String FIGURE = "figure: ";

  private static final int REASONS_MAX = 60;

  /** Modules that are tested one after the other; both lanes take about as long. */
  private static final List<String> LANES =
      List.of("test-fixtures,native", "kv-llm,kv-opencl,kv-arena,kv-policies,kv-bench");

  private static final Pattern MODULE =
      Pattern.compile("\\[INFO\\] Building kv-arena :: (?!bom)(.+?) \\S+ +\\[.*");
  private static final Pattern CLASS =
      Pattern.compile(
          "\\[\\w+\\] Tests run: (\\d+), Failures: (\\d+), Errors: (\\d+), Skipped: (\\d+),"
              + " Time elapsed: ([\\d.,]+) s.* -- in (\\S+)");
  private static final Pattern RUNNING = Pattern.compile("\\[INFO\\] Running (\\S+)");
  private static final Pattern BROKEN =
      Pattern.compile(
          "\\[ERROR\\] Failed to execute goal \\S+?:([\\w-]+):\\S+?:(\\S+) .*? on project (\\S+):"
              + " (.*)");
  private static final Pattern NOT_RUN =
      Pattern.compile("\\[INFO\\] kv-arena :: (.+?) \\.+ SKIPPED.*");
  private static final Pattern COMPILER =
      Pattern.compile("\\[ERROR\\] (/.+\\.java:\\[.*|error: .*)");

  private final Path root;
  private final String maven;
  private final PrintStream out = System.out;
  private final boolean terminal = Boolean.getBoolean("kv.terminal");
  private final List<String> failures = new ArrayList<>();
  private final List<String> skips = new ArrayList<>();

  /** What the compiler said so far: Maven repeats it at the end. */
  private final Set<String> compilerLines = new HashSet<>();

  private int passed;
  private int failed;
  private int skipped;

  private TestRun(Path root, String maven) {
    this.root = root;
    this.maven = maven;
  }

  public static void main(String[] args) throws Exception {
    TestRun run = new TestRun(Path.of(args[0]), args[1]);
    System.exit(run.run(List.of(args).subList(2, args.length)));
  }

  private int run(List<String> arguments) throws Exception {
    Instant start = Instant.now();
    Path took = root.resolve(".kv/test-seconds");
    boolean whole = arguments.isEmpty();
    out.println("kv test: " + expectation(took, whole));
    deleteReports();

    format(arguments);
    int status = whole ? testAll() : test("test", arguments);
    readReports();
    if (whole && status == 0) {
      link();
    }
    if (status != 0 && failed == 0) {
      fail("the build ended with exit=" + status + "; see the logs in .kv");
    }
    if (passed + failed == 0) {
      fail("no test ran; see the logs in .kv");
    }

    Duration time = Duration.between(start, Instant.now());
    if (whole && failed == 0) {
      Files.writeString(took, Long.toString(time.toSeconds()));
    }
    out.println();
    printAll("failed", failures);
    printAll("skipped", skips);
    out.println("took " + minutes(time.toSeconds()) + "; the whole logs are in .kv");
    out.println(passed + " passed, " + failed + " failed, " + skipped + " skipped");
    return failed == 0 ? 0 : 1;
  }

  /**
   * Builds every module without testing it, then tests the modules in two lanes side by side, one
   * for each core: Maven on its own lets a module wait until those it is built on are tested.
   */
  private int testAll() throws Exception {
    List<String> build =
        List.of("install", "-T2", "-fae", "-DskipTests", "-Dspotless.check.skip=true");
    int status = maven("test-build.log", build, new Lane());
    if (status != 0) {
      return status;
    }
    print("  ok    build");
    try (ExecutorService lanes = Executors.newFixedThreadPool(LANES.size())) {
      List<Future<Integer>> running = new ArrayList<>();
      for (String modules : LANES) {
        String log = "test-" + modules.substring(0, modules.indexOf(','));
        running.add(lanes.submit(() -> test(log, List.of("-pl", modules))));
      }
      for (Future<Integer> lane : running) {
        status = Math.max(status, lane.get());
      }
    }
    return status;
  }

  private int test(String log, List<String> arguments) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of("verify"));
    // Every module's tests run even if another module's fail; the reports say what failed.
    command.addAll(
        List.of("-fae", "-Dmaven.test.failure.ignore=true", "-Dspotless.check.skip=true"));
    command.addAll(arguments);
    return maven(log + ".log", command, new Lane());
  }

  private static String expectation(Path took, boolean whole) throws IOException {
    if (!whole) {
      return "a part of the tests";
    }
    return Files.exists(took)
        ? "about "
            + minutes(Long.parseLong(Files.readString(took).strip()))
            + ", as the last time here"
        : "at most 12 min on two cores, and some more the first time for downloads";
  }

  /** Checks the format of all sources first, so that a blemish does not keep tests from running. */
  private void format(List<String> arguments) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of("-fn", "spotless:check"));
    int module = arguments.indexOf("-pl");
    if (module >= 0) {
      command.addAll(arguments.subList(module, module + 2));
    }
    FormatLines lines = new FormatLines();
    int status = maven("format.log", command, lines);
    if (!lines.files.isEmpty()) {
      fail("format: " + String.join(", ", lines.files) + "; ./kv mvn spotless:apply mends it");
    } else if (lines.project != null || status != 0) {
      fail("format: the check did not run; see .kv/format.log");
    } else {
      print("  ok    format");
    }
  }

  /** Links the README's lines, from a project of their own, with what was installed. */
  private void link() throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(
                root.resolve("scripts/link.sh").toString(), System.getProperty("java.home"), maven)
            .redirectErrorStream(true)
            .start();
    process.getOutputStream().close();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (process.waitFor() == 0) {
      passed++;
      said.lines().forEach(line -> print("  ok    " + line));
    } else {
      fail("link: " + said.strip().replace("\n", " | "));
    }
  }

  /** Collects the files that Maven's list of broken modules names. */
  private static final class FormatLines implements Lines {
    private static final Pattern FILE = Pattern.compile("\\[ERROR\\] +(\\S+\\.java)");

    private final List<String> files = new ArrayList<>();
    private String project;

    @Override
    public void accept(String line) {
      Matcher m;
      if ((m = BROKEN.matcher(line)).matches()) {
        project = m.group(3);
      } else if ((m = FILE.matcher(line)).matches()) {
        files.add(project + " " + m.group(1));
      }
    }
  }

  private interface Lines {
    void accept(String line);
  }

  private int maven(String log, List<String> arguments, Lines lines)
      throws IOException, InterruptedException {
    List<String> command =
        new ArrayList<>(
            List.of(
                maven,
                "-B",
                "-ntp",
                "-Dstyle.color=never",
                "-f",
                root.resolve("pom.xml").toString()));
    command.addAll(arguments);
    Path file = Files.createDirectories(root.resolve(".kv")).resolve(log);
    Process process =
        new ProcessBuilder(command).directory(root.toFile()).redirectErrorStream(true).start();
    Runtime.getRuntime().addShutdownHook(new Thread(process::destroy));
    process.getOutputStream().close();
    try (BufferedReader in = process.inputReader(StandardCharsets.UTF_8);
        var copy = Files.newBufferedWriter(file)) {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        copy.write(line);
        copy.newLine();
        lines.accept(line);
      }
    }
    return process.waitFor();
  }

  /** What one Maven says while it tests: each class in a line, and what it measured below. */
  private final class Lane implements Lines {
    private final List<String> figures = new ArrayList<>();
    private String module = "";

    @Override
    public void accept(String line) {
      // Two lanes tell at a time.
      synchronized (TestRun.this) {
        tell(line);
      }
    }

    private void tell(String line) {
      Matcher m;
      if (line.startsWith(FIGURE)) {
        figures.add(line.substring(FIGURE.length()));
      } else if ((m = MODULE.matcher(line)).matches()) {
        module = m.group(1);
      } else if ((m = RUNNING.matcher(line)).matches()) {
        if (terminal) {
          out.print("\r\033[K  ...   " + module + " " + simpleName(m.group(1)));
          out.flush();
        }
      } else if ((m = CLASS.matcher(line)).matches()) {
        print(classLine(module, m));
        figures.forEach(figure -> print("          " + figure));
        figures.clear();
      } else if ((m = BROKEN.matcher(line)).matches()) {
        String goal = m.group(1) + ":" + m.group(2);
        fail(m.group(3) + ": " + goal + ": " + m.group(4).replaceAll(" -> \\[Help.*", ""));
      } else if ((m = NOT_RUN.matcher(line)).matches()) {
        fail(m.group(1) + ": not run, because a module it is built on is broken");
      } else if (COMPILER.matcher(line).matches() && compilerLines.add(line)) {
        print("  " + line.substring("[ERROR] ".length()).replace(root + "/", ""));
      }
    }
  }

  private static String classLine(String module, Matcher m) {
    int bad = Integer.parseInt(m.group(2)) + Integer.parseInt(m.group(3));
    int skip = Integer.parseInt(m.group(4));
    return "  %s %-48s %5s tests %9s s%s%s"
        .formatted(
            bad > 0 ? "FAIL " : "ok   ",
            module + " " + simpleName(m.group(6)),
            m.group(1),
            m.group(5),
            bad > 0 ? "  " + bad + " failed" : "",
            skip > 0 ? "  " + skip + " skipped" : "");
  }

  private static String simpleName(String className) {
    return className.substring(className.lastIndexOf('.') + 1);
  }

  /** Prints a line in the place of what is only shown while it runs. */
  private void print(String line) {
    out.println(terminal ? "\r\033[K" + line : line);
  }

  private void fail(String reason) {
    failed++;
    failures.add(reason);
  }

  // ---- reports ----

  private List<Path> reports() throws IOException {
    List<Path> found = new ArrayList<>();
    try (Stream<Path> modules = Files.list(root)) {
      for (Path module : modules.sorted().toList()) {
        Path folder = module.resolve("target/surefire-reports");
        if (Files.isDirectory(folder)) {
          try (Stream<Path> files = Files.list(folder)) {
            found.addAll(
                files
                    .filter(f -> f.getFileName().toString().matches("TEST-.*\\.xml"))
                    .sorted()
                    .toList());
          }
        }
      }
    }
    return found;
  }

  /** Deletes old reports: a test class that is gone leaves one behind. */
  private void deleteReports() throws IOException {
    for (Path report : reports()) {
      Files.delete(report);
    }
  }

  private void readReports() throws IOException, ParserConfigurationException, SAXException {
    for (Path report : reports()) {
      NodeList cases =
          DocumentBuilderFactory.newDefaultInstance()
              .newDocumentBuilder()
              .parse(report.toFile())
              .getElementsByTagName("testcase");
      for (int i = 0; i < cases.getLength(); i++) {
        Element test = (Element) cases.item(i);
        String name = test.getAttribute("classname") + "." + test.getAttribute("name");
        Optional<Element> bad = child(test, "failure").or(() -> child(test, "error"));
        Optional<Element> skip = child(test, "skipped");
        if (bad.isPresent()) {
          fail(name + ": " + firstLine(bad.get()));
        } else if (skip.isPresent()) {
          skipped++;
          skips.add(name + ": " + firstLine(skip.get()));
        } else {
          passed++;
        }
      }
    }
  }

  private static Optional<Element> child(Element of, String tag) {
    return Optional.ofNullable((Element) of.getElementsByTagName(tag).item(0));
  }

  private static String firstLine(Element result) {
    String message = result.getAttribute("message");
    if (message.isBlank()) {
      message = result.getTextContent();
    }
    return Arrays.stream(message.split("\\R"))
        .map(String::strip)
        .filter(line -> !line.isEmpty())
        .findFirst()
        .orElse(
            result.getAttribute("type").isEmpty()
                ? "no reason given"
                : result.getAttribute("type"));
  }

  // ---- the end ----

  private void printAll(String what, List<String> reasons) {
    if (reasons.isEmpty()) {
      return;
    }
    out.println(what + ":");
    List<String> sorted = new ArrayList<>(new TreeSet<>(reasons));
    sorted.stream().limit(REASONS_MAX).forEach(reason -> out.println("  " + reason));
    if (sorted.size() > REASONS_MAX) {
      out.println("  and " + (sorted.size() - REASONS_MAX) + " more");
    }
  }

  private static String minutes(long seconds) {
    return seconds < 60 ? seconds + " s" : seconds / 60 + " min " + seconds % 60 + " s";
  }
}
