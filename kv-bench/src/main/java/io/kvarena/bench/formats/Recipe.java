package io.kvarena.bench.formats;

import io.kvarena.KvCacheBuilder;
import io.kvarena.format.Formats;
import io.kvarena.format.PageFormat;
import io.kvarena.format.TileKind;
import io.kvarena.transform.Calibration;
import io.kvarena.transform.Encoding;
import io.kvarena.transform.TransformSpec;
import java.util.ArrayList;
import java.util.List;

/**
 * How keys and values are kept: one row of the table. Values are rotated where keys are.
 *
 * @param keys format of the keys
 * @param values format of the values
 * @param transform what is done to keys first
 * @param calibrated whether its numbers come from other tokens of the same source, not from the
 *     first page
 * @param pageTokens tokens in a page
 * @param pinned tokens at the start that stay as f16
 */
record Recipe(
    PageFormat keys,
    PageFormat values,
    TransformSpec transform,
    boolean calibrated,
    int pageTokens,
    int pinned) {

  /** Tokens over which the bits of pinned pages are spread. */
  static final int CONTEXT = 2048;

  /** Dimension at which bits are counted. */
  static final int DIM = 128;

  /** What the first row keeps; the reference of logits. */
  static final Recipe F32 = plain(Formats.F32);

  /** What perplexity is compared with. */
  static final Recipe F16 = plain(Formats.F16);

  static final List<String> TRANSFORMS =
      List.of("identity", "hadamard", "centred+hadamard", "centred+balanced+hadamard");

  private static final String CALIBRATED = "calibrated";

  private static Recipe plain(PageFormat format) {
    return new Recipe(format, format, TransformSpec.IDENTITY, false, 32, 0);
  }

  /**
   * The recipe of two names.
   *
   * @param format a format, or two as KEYS/VALUES
   * @param transform as {@link TransformSpec} prints it, with {@code +calibrated} or without
   */
  static Recipe of(String format, String transform) {
    String[] two = format.split("/", 2);
    PageFormat keys = Formats.named(two[0]);
    PageFormat values = two.length == 1 ? keys : Formats.named(two[1]);
    boolean calibrated = transform.endsWith("+" + CALIBRATED);
    String rest =
        calibrated
            ? transform.substring(0, transform.length() - CALIBRATED.length() - 1)
            : transform;
    TransformSpec spec = TransformSpec.IDENTITY;
    for (String part : rest.equals("identity") ? new String[0] : rest.split("\\+", -1)) {
      spec =
          switch (part) {
            case "centred" -> spec.withCentring();
            case "balanced" -> spec.withBalancing();
            case "hadamard" -> spec.withRotation(TransformSpec.HADAMARD.seed());
            default ->
                throw new IllegalArgumentException(
                    "no such transform: part="
                        + part
                        + ", transform="
                        + transform
                        + "; use identity or any of centred+balanced+hadamard, then +calibrated");
          };
    }
    if (calibrated && !spec.isPerHead()) {
      throw new IllegalArgumentException(
          "there is nothing to calibrate: transform="
              + transform
              + "; centre or balance, as in centred+balanced+hadamard+calibrated");
    }
    return new Recipe(keys, values, spec, calibrated, 32, 0);
  }

  Recipe withPageTokens(int tokens) {
    return new Recipe(keys, values, transform, calibrated, tokens, pinned);
  }

  Recipe withPinned(int tokens) {
    return new Recipe(keys, values, transform, calibrated, pageTokens, tokens);
  }

  /** The table if nothing is chosen. */
  static List<Recipe> usual() {
    String all = "centred+balanced+hadamard";
    List<Recipe> recipes = new ArrayList<>(List.of(F32, of("f32", "hadamard"), F16));
    for (String format : List.of("q8_0", "int8", "fp8_e4m3", "kivi4", "kivi2")) {
      recipes.add(of(format, "identity"));
    }
    recipes.add(of("q8_0", "hadamard"));
    for (String transform : TRANSFORMS) {
      recipes.add(of("q4_0", transform));
    }
    for (String format : List.of("turbo4", "turbo3", "turbo2")) {
      for (String transform : TRANSFORMS.subList(1, TRANSFORMS.size())) {
        recipes.add(of(format, transform));
      }
    }
    recipes.add(of("turbo4", all + "+calibrated"));
    recipes.add(of("turbo3", all + "+calibrated"));
    recipes.add(of("turbo2", all + "+calibrated"));
    recipes.add(of("turbo4/turbo2", all + "+calibrated"));
    return recipes;
  }

  /** The formats' name. */
  String format() {
    return keys == values ? keys.name() : keys.name() + "/" + values.name();
  }

  /** The transform's name. */
  String transformName() {
    return transform + (calibrated ? "+" + CALIBRATED : "");
  }

  /** Everything that tells it from others. */
  String name() {
    return format()
        + " "
        + transformName()
        + (pageTokens == 32 ? "" : ", pages of " + pageTokens)
        + (pinned == 0 ? "" : ", pinned " + pinned);
  }

  /** The keys' transform with its numbers where they are calibrated. */
  TransformSpec keyTransform(Calibration calibration) {
    return calibrated ? transform.calibrated(calibration) : transform;
  }

  /** The values' transform. */
  TransformSpec valueTransform() {
    return transform.rotated()
        ? TransformSpec.IDENTITY.withRotation(transform.seed())
        : TransformSpec.IDENTITY;
  }

  /** Tokens in pinned pages. */
  int pinnedTokens() {
    return Math.ceilDiv(pinned, pageTokens) * pageTokens;
  }

  /** Sets a cache up so. */
  KvCacheBuilder apply(KvCacheBuilder builder, Calibration calibration) {
    return builder
        .keys(new Encoding(keyTransform(calibration), keys))
        .values(new Encoding(valueTransform(), values))
        .pageTokens(pageTokens)
        .pinned(pinned);
  }

  /**
   * Bits of a key's or value's element in sealed pages at dimension {@value #DIM}, scales and
   * padding counted; with pinned pages the mean over {@value #CONTEXT} tokens.
   */
  double bitsPerElement() {
    double sealed = bits(keys, values);
    double raw = bits(keys.raw(), values.raw());
    double share = Math.min(1, pinnedTokens() / (double) CONTEXT);
    return share * raw + (1 - share) * sealed;
  }

  private double bits(PageFormat ofKeys, PageFormat ofValues) {
    long bytes =
        ofKeys.tileBytes(TileKind.KEYS, pageTokens, DIM)
            + ofValues.tileBytes(TileKind.VALUES, pageTokens, DIM);
    return 8.0 * bytes / (2.0 * pageTokens * DIM);
  }
}
