package io.kvarena.transform;

import io.kvarena.format.Formats;
import io.kvarena.format.PageFormat;

/**
 * How keys or values are encoded: a transform, then a format.
 *
 * @param transform what is done to a vector first
 * @param format how the result is stored
 */
public record Encoding(TransformSpec transform, PageFormat format) {

  /** The format by itself. */
  public static Encoding of(PageFormat format) {
    return new Encoding(TransformSpec.IDENTITY, format);
  }

  /**
   * The encoding called {@code name}: a format and any of {@code centred}, {@code balanced} and
   * {@code hadamard} (or {@code hadamard:SEED}), such as {@code q4_0+centred+hadamard}.
   */
  public static Encoding parse(String name) {
    String[] parts = name.split("\\+", -1);
    PageFormat format = Formats.named(parts[0]);
    TransformSpec transform = TransformSpec.IDENTITY;
    for (int i = 1; i < parts.length; i++) {
      TransformSpec before = transform;
      transform = with(transform, parts[i], name);
      if (transform.equals(before)) {
        throw new IllegalArgumentException(
            "a part of the encoding stands twice: part=" + parts[i] + ", name=" + name + hint());
      }
    }
    return new Encoding(transform, format);
  }

  private static TransformSpec with(TransformSpec transform, String part, String name) {
    if (part.equals("centred")) {
      return transform.withCentring();
    }
    if (part.equals("balanced")) {
      return transform.withBalancing();
    }
    if (part.equals("hadamard")) {
      return transform.rotated() ? transform : transform.withRotation(TransformSpec.DEFAULT_SEED);
    }
    if (part.matches("hadamard:-?[0-9]{1,18}")) {
      long seed = Long.parseLong(part.substring("hadamard:".length()));
      return transform.rotated() ? transform : transform.withRotation(seed);
    }
    throw new IllegalArgumentException(
        "no such transform: part=" + part + ", name=" + name + hint());
  }

  private static String hint() {
    return "; write FORMAT and any of +centred +balanced +hadamard";
  }

  /** The name that {@link #parse} understands; a calibration is not part of it. */
  @Override
  public String toString() {
    return transform.isIdentity() ? format.name() : format.name() + "+" + transform;
  }
}
