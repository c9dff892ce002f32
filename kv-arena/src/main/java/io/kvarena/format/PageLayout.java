package io.kvarena.format;

import io.kvarena.LayerShape;

/**
 * Where things lie in a page of one lane.
 *
 * <pre>
 * +--------------------+-----+--------------------+----------------------+-----+
 * | keys tile, head 0  | ... | keys tile, head H-1| values tile, head 0  | ... |
 * +--------------------+-----+--------------------+----------------------+-----+
 * 0                          ^ keyTileBytes each  ^ valuesOffset         ^ valueTileBytes each
 * </pre>
 *
 * Tiles and pages are multiples of 128 bytes and start on one.
 */
public final class PageLayout {

  /** The largest number of tokens in a page: a live mask is one long. */
  public static final int TOKENS_MAX = 64;

  /** Tokens in a granule of the unsealed tail. */
  public static final int GRANULE_TOKENS = 8;

  private final LayerShape layer;
  private final int pageTokens;
  private final int heads;
  private final PageFormat keys;
  private final PageFormat values;
  private final long keyTileBytes;
  private final long valueTileBytes;

  /**
   * @param layer the layer's geometry
   * @param pageTokens tokens in a page: 8, 16, … 64
   * @param heads KV heads that share a page, a divisor of the layer's
   * @param keys format of the keys
   * @param values format of the values
   */
  public PageLayout(
      LayerShape layer, int pageTokens, int heads, PageFormat keys, PageFormat values) {
    if (pageTokens < 8 || pageTokens > TOKENS_MAX || pageTokens % 8 != 0) {
      throw new IllegalArgumentException(
          "a page holds 8, 16, … or 64 tokens: pageTokens=" + pageTokens + "; 32 is the default");
    }
    if (heads < 1 || layer.kvHeads() % heads != 0) {
      throw new IllegalArgumentException(
          "headsPerPage must divide kvHeads: headsPerPage="
              + heads
              + ", kvHeads="
              + layer.kvHeads()
              + "; use kvHeads or 1");
    }
    this.layer = layer;
    this.pageTokens = pageTokens;
    this.heads = heads;
    this.keys = keys;
    this.values = values;
    this.keyTileBytes = keys.tileBytes(TileKind.KEYS, pageTokens, layer.keyDim());
    this.valueTileBytes = values.tileBytes(TileKind.VALUES, pageTokens, layer.valueDim());
  }

  /** The layout of a granule of the tail under this layout. */
  public PageLayout granule() {
    return new PageLayout(layer, GRANULE_TOKENS, heads, keys.raw(), values.raw());
  }

  public LayerShape layer() {
    return layer;
  }

  public int pageTokens() {
    return pageTokens;
  }

  /** KV heads in a page. */
  public int heads() {
    return heads;
  }

  public PageFormat keys() {
    return keys;
  }

  public PageFormat values() {
    return values;
  }

  public long keyTileBytes() {
    return keyTileBytes;
  }

  public long valueTileBytes() {
    return valueTileBytes;
  }

  /** Where the first values tile starts. */
  public long valuesOffset() {
    return heads * keyTileBytes;
  }

  /** Where the keys tile of {@code head} starts. */
  public long keyTileOffset(int head) {
    return head * keyTileBytes;
  }

  /** Where the values tile of {@code head} starts. */
  public long valueTileOffset(int head) {
    return valuesOffset() + head * valueTileBytes;
  }

  /** Bytes of a page. */
  public long pageBytes() {
    return heads * (keyTileBytes + valueTileBytes);
  }

  @Override
  public String toString() {
    return keys.name()
        + "/"
        + values.name()
        + ", pageTokens="
        + pageTokens
        + ", heads="
        + heads
        + ", keyDim="
        + layer.keyDim()
        + ", valueDim="
        + layer.valueDim();
  }
}
