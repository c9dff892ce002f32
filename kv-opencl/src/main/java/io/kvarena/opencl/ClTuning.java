package io.kvarena.opencl;

import java.io.IOException;
import java.io.Reader;
import java.io.Writer;
import java.lang.System.Logger.Level;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Optional;
import java.util.Properties;

/**
 * What may be chosen of how a fold is cut up on a device; {@code kv tune} measures it.
 *
 * <p>Stored for each device and driver beside the compiled programs ({@link ClBinaries}). Under one
 * tuning results are the same from run to run; another {@code splitTokens} merges other states and
 * may round differently, the others change no bit.
 *
 * @param splitTokens tokens that a work-item or work-group folds at most, {@value #SPLIT_MIN} to
 *     {@value #SPLIT_MAX}, a power of two
 * @param blockRows query rows of a work-item of the shape for CPUs, {@value #ROWS_MIN} to {@value
 *     #ROWS_MAX}, a power of two
 * @param prefillFrom query rows of a KV head from which on tiles are decoded once for a block of
 *     rows, {@value #FROM_MIN} to {@value #FROM_MAX}, a power of two
 * @param prefillRows query rows of such a block of the shape for CPUs, {@value #ROWS_MIN} to
 *     {@value #ROWS_MAX}, a power of two
 */
public record ClTuning(int splitTokens, int blockRows, int prefillFrom, int prefillRows) {

  /** Where nothing is stored. */
  public static final ClTuning DEFAULT = new ClTuning(1024, 16, 64, 64);

  static final int SPLIT_MIN = 128;
  static final int SPLIT_MAX = 16_384;
  static final int ROWS_MIN = 4;
  static final int ROWS_MAX = 128;
  static final int FROM_MIN = 1;
  static final int FROM_MAX = 1 << 20;

  private static final String SPLIT_TOKENS = "splitTokens";
  private static final String BLOCK_ROWS = "blockRows";
  private static final String PREFILL_FROM = "prefillFrom";
  private static final String PREFILL_ROWS = "prefillRows";

  public ClTuning {
    check(SPLIT_TOKENS, splitTokens, SPLIT_MIN, SPLIT_MAX);
    check(BLOCK_ROWS, blockRows, ROWS_MIN, ROWS_MAX);
    check(PREFILL_FROM, prefillFrom, FROM_MIN, FROM_MAX);
    check(PREFILL_ROWS, prefillRows, ROWS_MIN, ROWS_MAX);
  }

  /** What concerns single queries; the rest is as usual. */
  public ClTuning(int splitTokens, int blockRows) {
    this(splitTokens, blockRows, DEFAULT.prefillFrom, DEFAULT.prefillRows);
  }

  /** The numbers as people read them. */
  @Override
  public String toString() {
    return String.join(
        ", ",
        SPLIT_TOKENS + "=" + splitTokens,
        BLOCK_ROWS + "=" + blockRows,
        PREFILL_FROM + "=" + prefillFrom,
        PREFILL_ROWS + "=" + prefillRows);
  }

  private static void check(String name, int value, int least, int most) {
    if (value < least || value > most || Integer.bitCount(value) != 1) {
      throw new IllegalArgumentException(
          "no such tuning: "
              + name
              + "="
              + value
              + "; give a power of two from "
              + least
              + " to "
              + most);
    }
  }

  /**
   * What is stored for a device, or the default; what is stored and makes no sense is warned of.
   */
  public static ClTuning of(ClDevice device) {
    Path file = file(device).orElse(null);
    return file == null || !Files.isRegularFile(file) ? DEFAULT : read(file);
  }

  static ClTuning read(Path file) {
    Properties stored = new Properties();
    try (Reader in = Files.newBufferedReader(file)) {
      stored.load(in);
      return new ClTuning(
          number(stored, SPLIT_TOKENS),
          number(stored, BLOCK_ROWS),
          number(stored, PREFILL_FROM),
          number(stored, PREFILL_ROWS));
    } catch (IOException | IllegalArgumentException wrong) {
      System.getLogger("io.kvarena.opencl")
          .log(
              Level.WARNING,
              "the stored tuning is not used: file={0}, {1}; run kv tune again or delete the file",
              file,
              wrong.getMessage());
      return DEFAULT;
    }
  }

  private static int number(Properties stored, String name) {
    String value = String.valueOf(stored.getProperty(name)).strip();
    try {
      return Integer.parseInt(value);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException(name + "=" + value + " is no number", e);
    }
  }

  /** Whether something is stored for a device. */
  public static boolean isStored(ClDevice device) {
    return file(device).filter(Files::isRegularFile).isPresent();
  }

  /** Stores this for a device, from the next start on; where. */
  public Path store(ClDevice device) throws IOException {
    Path file =
        file(device)
            .orElseThrow(
                () ->
                    new IOException(
                        "nothing is stored: "
                            + ClBinaries.PROPERTY
                            + "=off; unset it or name a folder"));
    write(file, device.describe());
    return file;
  }

  void write(Path file, String device) throws IOException {
    ClBinaries.makeFolder(Objects.requireNonNull(file.getParent()));
    Properties stored = new Properties();
    stored.setProperty(SPLIT_TOKENS, String.valueOf(splitTokens));
    stored.setProperty(BLOCK_ROWS, String.valueOf(blockRows));
    stored.setProperty(PREFILL_FROM, String.valueOf(prefillFrom));
    stored.setProperty(PREFILL_ROWS, String.valueOf(prefillRows));
    try (Writer out = Files.newBufferedWriter(file)) {
      stored.store(out, device);
    }
  }

  private static Optional<Path> file(ClDevice device) {
    String name = "tuning-" + ClBinaries.key(device, "", "").substring(0, 16) + ".properties";
    return ClBinaries.userFolder().map(folder -> folder.resolve(name));
  }
}
