package io.kvarena.bench.simulate;

import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import com.google.gson.stream.MalformedJsonException;
import io.kvarena.fixtures.trace.TraceRequest;
import java.io.BufferedReader;
import java.io.EOFException;
import java.io.IOException;
import java.io.StringReader;
import java.io.UncheckedIOException;
import java.nio.charset.MalformedInputException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Reads traces.
 *
 * <ul>
 *   <li><em>JSON lines</em>, as Mooncake's (FAST 2025) and LMCache's agent traces: one object a
 *       line with {@code timestamp} in ms, {@code input_length} and {@code output_length} in
 *       tokens, {@code hash_ids}, a whole number for each block, and perhaps {@code session}. What
 *       else there is is passed.
 *   <li><em>CSV</em>, where the file ends in {@code .csv}: a first line that names the columns
 *       {@code timestamp,input_length,output_length,hash_ids} in any order, perhaps {@code session}
 *       too; {@code hash_ids} are separated by spaces. No quotes.
 * </ul>
 *
 * Requests come in the order of their lines, which must not go back in time. Empty lines are
 * passed.
 */
final class TraceReader {

  /** Longer prompts are taken for a mistake. */
  private static final long TOKENS_MAX = 1 << 30;

  private static final List<String> COLUMNS =
      List.of("timestamp", "input_length", "output_length", "hash_ids");

  private final Path file;
  private final List<TraceRequest> requests = new ArrayList<>();
  private int line;

  private TraceReader(Path file) {
    this.file = file;
  }

  /**
   * The requests of a file.
   *
   * @throws IllegalArgumentException if a line is not a request; the message names it
   */
  static List<TraceRequest> read(Path file) {
    TraceReader reader = new TraceReader(file);
    try (BufferedReader lines = Files.newBufferedReader(file)) {
      if (file.toString().toLowerCase(Locale.ROOT).endsWith(".csv")) {
        reader.csv(lines);
      } else {
        reader.json(lines);
      }
    } catch (NoSuchFileException e) {
      throw new IllegalArgumentException("no such trace: file=" + file + "; name one that is", e);
    } catch (MalformedInputException e) {
      throw new IllegalArgumentException(
          "the trace is not UTF-8: file=" + file + "; convert it, or unpack it", e);
    } catch (IOException e) {
      throw new UncheckedIOException(
          "the trace cannot be read: file=" + file + ", reason=" + e.getMessage() + "; check it",
          e);
    }
    if (reader.requests.isEmpty()) {
      throw new IllegalArgumentException(
          "the trace has no requests: file=" + file + "; name one that has");
    }
    return reader.requests;
  }

  private void add(TraceRequest request) {
    if (!requests.isEmpty() && request.timestamp() < requests.getLast().timestamp()) {
      throw bad("the trace goes back in time", "timestamp=" + request.timestamp(), null);
    }
    requests.add(request);
  }

  private @Nullable String next(BufferedReader lines) throws IOException {
    while (true) {
      String text = lines.readLine();
      line++;
      if (text == null || !text.isBlank()) {
        return text;
      }
    }
  }

  // --- JSON lines ---------------------------------------------------------------------------

  private void json(BufferedReader lines) throws IOException {
    for (String text = next(lines); text != null; text = next(lines)) {
      try (JsonReader json = new JsonReader(new StringReader(text))) {
        json.setStrictness(Strictness.STRICT);
        add(request(json));
        if (json.peek() != JsonToken.END_DOCUMENT) {
          throw bad("more than one value in a line", "column=" + column(json), null);
        }
      } catch (MalformedJsonException | EOFException | IllegalStateException e) {
        throw bad("not a JSON object with the fields of a request", shortened(text), e);
      } catch (NumberFormatException e) {
        throw bad("not a whole number", shortened(text), e);
      }
    }
  }

  private TraceRequest request(JsonReader json) throws IOException {
    Long timestamp = null;
    Long input = null;
    long output = 0;
    String session = null;
    long[] blocks = null;
    json.beginObject();
    while (json.hasNext()) {
      switch (json.nextName()) {
        case "timestamp" -> timestamp = whole(json);
        case "input_length" -> input = whole(json);
        case "output_length" -> output = whole(json);
        case "session" -> session = json.nextString();
        case "hash_ids" -> blocks = ids(json);
        default -> json.skipValue();
      }
    }
    json.endObject();
    return request(
        present("timestamp", timestamp),
        session,
        present("input_length", input),
        output,
        present("hash_ids", blocks));
  }

  /** A whole number; exporters write timestamps as 1500.0 too. */
  private static long whole(JsonReader json) throws IOException {
    if (json.peek() != JsonToken.NUMBER) {
      throw new NumberFormatException();
    }
    return json.nextLong();
  }

  private static long[] ids(JsonReader json) throws IOException {
    long[] ids = new long[16];
    int count = 0;
    json.beginArray();
    while (json.hasNext()) {
      if (count == ids.length) {
        ids = Arrays.copyOf(ids, 2 * count);
      }
      ids[count++] = whole(json);
    }
    json.endArray();
    return Arrays.copyOf(ids, count);
  }

  private static String column(JsonReader json) {
    return json.toString().replaceAll(".*column (\\d+).*", "$1");
  }

  private <T> T present(String field, @Nullable T value) {
    if (value == null) {
      throw bad("a field is missing", "field=" + field, null);
    }
    return value;
  }

  // --- CSV ----------------------------------------------------------------------------------

  private void csv(BufferedReader lines) throws IOException {
    String head = next(lines);
    if (head == null) {
      return;
    }
    List<String> columns = Arrays.stream(head.split(",", -1)).map(String::strip).toList();
    for (String column : COLUMNS) {
      if (!columns.contains(column)) {
        throw bad("a column is missing", "column=" + column, null);
      }
    }
    int session = columns.indexOf("session");
    for (String text = next(lines); text != null; text = next(lines)) {
      String[] fields = text.split(",", -1);
      if (fields.length != columns.size()) {
        throw bad(
            "another number of fields than columns",
            "fields=" + fields.length + ", columns=" + columns.size(),
            null);
      }
      try {
        String ids = fields[columns.indexOf("hash_ids")].strip();
        add(
            request(
                number(fields[columns.indexOf("timestamp")]),
                session < 0 ? null : fields[session].strip(),
                number(fields[columns.indexOf("input_length")]),
                number(fields[columns.indexOf("output_length")]),
                ids.isEmpty()
                    ? new long[0]
                    : Arrays.stream(ids.split(" +", -1)).mapToLong(Long::parseLong).toArray()));
      } catch (NumberFormatException e) {
        throw bad("not a whole number", shortened(text), e);
      }
    }
  }

  private static long number(String field) {
    return Long.parseLong(field.strip());
  }

  // --- both ---------------------------------------------------------------------------------

  private TraceRequest request(
      long timestamp, @Nullable String session, long input, long output, long[] blocks) {
    if (timestamp < 0 || input < 0 || output < 0 || input > TOKENS_MAX || output > TOKENS_MAX) {
      throw bad(
          "times and lengths are not negative and lengths have a bound",
          "timestamp=" + timestamp + ", input_length=" + input + ", output_length=" + output,
          null);
    }
    return new TraceRequest(timestamp, session, (int) input, (int) output, blocks);
  }

  private static String shortened(String text) {
    return "text=" + (text.length() <= 60 ? text : text.substring(0, 59) + "…");
  }

  private IllegalArgumentException bad(String what, String detail, @Nullable Throwable cause) {
    return new IllegalArgumentException(
        what + ": file=" + file + ", line=" + line + ", " + detail + "; mend the line", cause);
  }
}
