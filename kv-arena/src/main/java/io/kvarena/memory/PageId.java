package io.kvarena.memory;

/**
 * The logical name of a page: a place in the page map and the generation of its present use, so
 * that a name that outlives its page is recognised.
 *
 * <p>Where pages are counted in millions they go by the same two numbers packed into a {@code
 * long}, the generation in the upper half; 0 is no page.
 */
public record PageId(int index, int generation) {

  /** The packed name of no page. */
  public static final long NONE = 0;

  /** Unpacks a name. */
  public static PageId of(long packed) {
    return new PageId(index(packed), generation(packed));
  }

  /** Packs the name. */
  public long packed() {
    return pack(index, generation);
  }

  static long pack(int index, int generation) {
    return (long) generation << 32 | index;
  }

  static int index(long packed) {
    return (int) packed;
  }

  static int generation(long packed) {
    return (int) (packed >>> 32);
  }
}
