package io.kvarena.llm.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.PrintWriter;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.Spec;

/** The command line of the project. Exit codes: 0 done, 1 failed, 2 used wrongly. */
@Command(
    name = "kv",
    description = "Language models whose KV cache lies in native, quantised pages.",
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {
      Generate.class,
      Chat.class,
      Perplexity.class,
      Size.class,
      Verify.class,
      Inspect.class,
      Doctor.class,
      HelpCommand.class
    })
public final class Kv implements Runnable {
  @Spec
  @SuppressWarnings("NullAway.Init") // picocli sets it
  private CommandSpec spec;

  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      description = "Show this help.")
  @SuppressWarnings("UnusedVariable") // picocli and Kv look at the option, not at the field
  private boolean help;

  private Kv() {}

  /** Runs a command and exits with its code. */
  public static void main(String[] args) {
    System.exit(run(args));
  }

  /** Runs a command and returns its exit code. */
  static int run(String... args) {
    CommandLine line = new CommandLine(new Kv());
    line.setOut(new PrintWriter(Terminal.out(), true, UTF_8));
    line.setErr(new PrintWriter(Terminal.err(), true, UTF_8));
    line.setExpandAtFiles(false);
    line.setCaseInsensitiveEnumValuesAllowed(true);
    line.setParameterExceptionHandler(Kv::usedWrongly);
    line.setExecutionExceptionHandler(Kv::failed);
    int code = line.execute(args);
    Terminal.flush();
    return code;
  }

  @Override
  public void run() {
    spec.commandLine().usage(Terminal.out());
  }

  private static int usedWrongly(ParameterException e, String[] args) {
    String command = e.getCommandLine().getCommandSpec().qualifiedName(" ");
    String message = String.valueOf(e.getMessage()).replaceFirst("^Error: ", "");
    // our own messages say the way out themselves
    boolean complete = message.contains("; ");
    complain(command, complete ? message : message + "; see " + command + " --help");
    return CommandLine.ExitCode.USAGE;
  }

  private static int failed(Exception e, CommandLine line, ParseResult parsed) {
    complain(line.getCommandSpec().qualifiedName(" "), message(e));
    if (line.getParseResult().hasMatchedOption("--debug")) {
      e.printStackTrace(Terminal.err());
    }
    return CommandLine.ExitCode.SOFTWARE;
  }

  private static String message(Exception e) {
    String message = e.getMessage();
    return message == null || message.isBlank()
        ? e.getClass().getSimpleName() + "; run again with --debug for where it happened"
        : message;
  }

  private static void complain(String command, String message) {
    Terminal.flush();
    Terminal.err().println(command + ": " + message.replaceAll("\\s*\\R\\s*", " "));
  }
}
