package io.kvarena.llm.cli;

import com.google.gson.JsonArray;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/** Files that hold a text or its tokens. */
final class IdsFile {
  private IdsFile() {}

  /** A file that cannot be used; the message says why and what would do. */
  static final class UnusableFileException extends RuntimeException {
    private static final long serialVersionUID = 1;

    UnusableFileException(String message, Throwable cause) {
      super(message, cause);
    }
  }

  /** The ids in a JSON array. */
  static int[] readIds(Path file) {
    try {
      return ints(JsonParser.parseString(read(file)).getAsJsonArray());
    } catch (JsonParseException
        | IllegalStateException
        | UnsupportedOperationException
        | NumberFormatException e) {
      throw new UnusableFileException(
          "not a JSON array of token ids: file=" + file + "; write it as [1, 403, 2]", e);
    }
  }

  /** The text of a file in UTF-8. */
  static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (NoSuchFileException e) {
      throw new UnusableFileException("no such file: file=" + file + "; give one that exists", e);
    } catch (CharacterCodingException e) {
      throw new UnusableFileException(
          "text is not UTF-8: file=" + file + "; convert it, for example with iconv", e);
    } catch (IOException e) {
      throw new UnusableFileException(
          "cannot read file: file=" + file + ", cause=" + e.getMessage() + "; give a readable one",
          e);
    }
  }

  static int[] ints(JsonArray array) {
    int[] ints = new int[array.size()];
    for (int i = 0; i < ints.length; i++) {
      ints[i] = array.get(i).getAsInt();
    }
    return ints;
  }
}
