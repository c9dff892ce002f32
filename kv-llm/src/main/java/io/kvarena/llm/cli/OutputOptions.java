package io.kvarena.llm.cli;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import java.io.PrintStream;
import java.util.Map;
import picocli.CommandLine.Option;

/** Where a command's output goes. */
final class OutputOptions {
  private static final Gson GSON =
      new GsonBuilder().disableHtmlEscaping().serializeSpecialFloatingPointValues().create();

  @Option(
      names = "--json",
      description = "Text on standard error; one JSON object as the last line of output.")
  private boolean json;

  @Option(names = "--debug", description = "Where a failure happened, as a stack trace.")
  @SuppressWarnings("UnusedVariable") // picocli and Kv look at the option, not at the field
  private boolean debug;

  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      description = "Show this help.")
  @SuppressWarnings("UnusedVariable") // picocli and Kv look at the option, not at the field
  private boolean help;

  /** The stream for people. */
  PrintStream text() {
    return json ? Terminal.err() : Terminal.out();
  }

  /** Prints the object where {@code --json} asks for it. */
  void result(Map<String, Object> object) {
    if (json) {
      Terminal.flush();
      Terminal.out().println(GSON.toJson(object));
    }
  }
}
