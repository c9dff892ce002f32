package io.kvarena.bench.simulate;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A tier that blocks lie in.
 *
 * @param name of the tier
 * @param blocks that fit; {@link Integer#MAX_VALUE} where all do
 * @param bytesPerSecond at which blocks come from it; infinite where they need not come
 */
record TierSpec(String name, int blocks, double bytesPerSecond) {

  private static final Pattern NUMBER = Pattern.compile("(\\d+(?:\\.\\d+)?)\\s*([kmgt]?)(?:i?b)?");

  /** One tier of so many blocks that need not be moved. */
  static List<TierSpec> single(int blocks) {
    return List.of(new TierSpec("host", blocks, Double.POSITIVE_INFINITY));
  }

  /** Reads {@code host:8g:20GB/s,disk:100g:2GB/s}: name, bytes, speed, which may be left out. */
  static List<TierSpec> parse(List<String> specs, long blockBytes) {
    List<TierSpec> tiers = new ArrayList<>();
    for (String spec : specs) {
      String[] parts = spec.split(":", -1);
      if (parts.length < 2 || parts.length > 3 || parts[0].isBlank()) {
        throw bad(spec);
      }
      double speed = Double.POSITIVE_INFINITY;
      if (parts.length == 3) {
        String rate = parts[2].toLowerCase(Locale.ROOT);
        if (!rate.endsWith("/s")) {
          throw bad(spec);
        }
        speed = number(rate.substring(0, rate.length() - 2), 1000, spec);
      }
      double blocks = Math.floor(number(parts[1], 1024, spec) / blockBytes);
      if (!(blocks >= 1) || !(speed > 0)) {
        throw new IllegalArgumentException(
            "no block fits a tier, or none ever comes from it: tier="
                + spec
                + ", blockBytes="
                + blockBytes
                + "; enlarge it, or give smaller --block-bytes");
      }
      tiers.add(new TierSpec(parts[0], (int) Math.min(blocks, Integer.MAX_VALUE - 1), speed));
    }
    return List.copyOf(tiers);
  }

  /** A count such as 3k: thousands. */
  static int count(String text) {
    double count = number(text, 1000, text);
    if (count < 1 || count > Integer.MAX_VALUE - 1 || count != Math.rint(count)) {
      throw bad(text);
    }
    return (int) count;
  }

  /** Bytes such as 64m: powers of 1,024. */
  static long bytes(String text) {
    double bytes = number(text, 1024, text);
    if (bytes < 1 || bytes > 1L << 31) {
      throw bad(text);
    }
    return (long) bytes;
  }

  private static double number(String text, int thousand, String whole) {
    Matcher matcher = NUMBER.matcher(text.strip().toLowerCase(Locale.ROOT));
    if (!matcher.matches()) {
      throw bad(whole);
    }
    int power = matcher.group(2).isEmpty() ? 0 : "kmgt".indexOf(matcher.group(2)) + 1;
    return Double.parseDouble(matcher.group(1)) * Math.pow(thousand, power);
  }

  private static IllegalArgumentException bad(String text) {
    return new IllegalArgumentException(
        "not a size or a tier: text="
            + text
            + "; write counts as 3k, bytes as 64m, tiers as host:8g:20GB/s,disk:100g:2GB/s");
  }
}
