package io.kvarena.llm.cli;

import java.io.PrintStream;
import java.util.Locale;

/**
 * Streams text; for a person in lines that end in a margin with the speed, for a pipe as it is. A
 * word is shown when the next one begins, so that it need not be taken back to break the line.
 */
final class TextColumn implements Generation.Listener {
  private static final int WIDTH = 64;

  private final PrintStream out;
  private final boolean interactive;
  private final String leadIn;
  private final StringBuilder word = new StringBuilder();
  private int column;
  private double speed;

  /** A column that begins with {@code leadIn} once the prompt is in the cache. */
  TextColumn(PrintStream out, boolean interactive, String leadIn) {
    this.out = out;
    this.interactive = interactive;
    this.leadIn = leadIn;
  }

  @Override
  public void prompting(int done, int total) {
    if (interactive) {
      // back to the start of the line and clear it: nothing stays behind
      String status = "\r\033[2Kreading the prompt: %,d of %,d tokens".formatted(done, total);
      Terminal.err().print(done < total ? status : "\r\033[2K");
    }
  }

  @Override
  public void prompted(int tokens, long nanos) {
    speed = tokens / (nanos / 1e9);
    print(leadIn);
  }

  @Override
  public void generated(String text, int count, long nanos) {
    if (nanos > 0) {
      speed = count / (nanos / 1e9);
    }
    print(text);
  }

  private void print(String text) {
    if (!interactive) {
      out.print(text);
      out.flush();
      return;
    }
    text.codePoints()
        .forEach(
            c -> {
              if (c == ' ' || c == '\n') {
                showWord();
              }
              if (c == '\n') {
                endLine();
              } else {
                word.appendCodePoint(c);
              }
            });
    out.flush();
  }

  private void showWord() {
    if (column > 0 && column + word.length() > WIDTH) {
      endLine();
    }
    String shown = column == 0 ? word.toString().stripLeading() : word.toString();
    out.print(shown);
    column += shown.length();
    word.setLength(0);
  }

  private void endLine() {
    String margin = String.format(Locale.ROOT, "%,8.0f tok/s", speed);
    // faint, so that the text stands out
    out.println(" ".repeat(Math.max(1, WIDTH + 1 - column)) + "\033[2m" + margin + "\033[0m");
    column = 0;
  }

  /** Ends the last line. */
  void end() {
    if (!interactive) {
      out.println();
      return;
    }
    showWord();
    if (column > 0) {
      endLine();
    }
    out.flush();
  }
}
