package io.kvarena.llm.cli;

import java.io.Console;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/** Standard output and error in UTF-8, whatever the locale: models write all scripts. */
final class Terminal {
  private static PrintStream out = stream(FileDescriptor.out);
  private static PrintStream err = stream(FileDescriptor.err);

  private Terminal() {}

  private static PrintStream stream(FileDescriptor descriptor) {
    return new PrintStream(new FileOutputStream(descriptor), true, StandardCharsets.UTF_8);
  }

  static PrintStream out() {
    return out;
  }

  static PrintStream err() {
    return err;
  }

  /** Sends both elsewhere, for tests. */
  static void redirect(PrintStream newOut, PrintStream newErr) {
    out = newOut;
    err = newErr;
  }

  static void flush() {
    out.flush();
    err.flush();
  }

  /** Whether a person is looking. */
  @SuppressWarnings("SystemConsoleNull") // the documentation still allows null
  static boolean isInteractive() {
    Console console = System.console();
    return console != null && console.isTerminal();
  }
}
