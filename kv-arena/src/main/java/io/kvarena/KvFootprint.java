package io.kvarena;

import io.kvarena.format.PageFormat;
import io.kvarena.format.PageLayout;

/**
 * Bytes that a sequence will take, known before anything is allocated.
 *
 * @param tokens tokens of the sequence
 * @param sealedBytes its sealed pages
 * @param tailBytes the granules of its tail, at their most
 * @param tableBytes its block tables
 * @param f16Bytes the same keys and values as plain f16, for comparison
 */
public record KvFootprint(
    long tokens, long sealedBytes, long tailBytes, long tableBytes, long f16Bytes) {

  /** Bytes of a block table's entry. */
  private static final int ENTRY_BYTES = 28;

  /**
   * Predicts the bytes of one sequence.
   *
   * @param headsPerPage KV heads that share a page, 0 for all of a layer's
   */
  public static KvFootprint of(
      KvShape shape,
      long tokens,
      int pageTokens,
      int headsPerPage,
      PageFormat keys,
      PageFormat values) {
    if (tokens < 0) {
      throw new IllegalArgumentException(
          "tokens are not negative: tokens=" + tokens + "; give the length of the context");
    }
    long sealed = 0;
    long tail = 0;
    long tables = 0;
    for (LayerShape layer : shape.layers()) {
      int heads = headsPerPage == 0 ? layer.kvHeads() : headsPerPage;
      PageLayout page = new PageLayout(layer, pageTokens, heads, keys, values);
      long lanes = layer.kvHeads() / heads;
      sealed += lanes * (tokens / pageTokens) * page.pageBytes();
      // While a page is sealed its raw rows are still there: a whole page of granules.
      tail += lanes * (pageTokens / PageLayout.GRANULE_TOKENS) * page.granule().pageBytes();
      tables += lanes * (tokens / pageTokens + 2) * ENTRY_BYTES;
    }
    return new KvFootprint(tokens, sealed, tail, tables, tokens * shape.bytesPerTokenF16());
  }

  /** All bytes. */
  public long bytes() {
    return sealedBytes + tailBytes + tableBytes;
  }

  /** How many times smaller than plain f16. */
  public double compression() {
    return bytes() == 0 ? 1 : (double) f16Bytes / bytes();
  }
}
