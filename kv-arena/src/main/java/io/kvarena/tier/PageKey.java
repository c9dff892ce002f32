package io.kvarena.tier;

/**
 * The 128-bit name by which a page is known outside the arena: a hash of all that determines its
 * content, or a number that was never given before where a page has no content of its own.
 */
public record PageKey(long high, long low) implements Comparable<PageKey> {

  @Override
  public int compareTo(PageKey other) {
    int order = Long.compareUnsigned(high, other.high);
    return order != 0 ? order : Long.compareUnsigned(low, other.low);
  }

  /** 32 hexadecimal digits. */
  @Override
  public String toString() {
    return "%016x%016x".formatted(high, low);
  }
}
