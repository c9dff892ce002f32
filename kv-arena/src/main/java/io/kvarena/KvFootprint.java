package io.kvarena;

import io.kvarena.format.PageFormat;
import io.kvarena.format.PageLayout;
import io.kvarena.transform.Encoding;
import io.kvarena.transform.TransformSpec;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Bytes that a sequence will take, known before anything is allocated.
 *
 * @param tokens tokens of the sequence
 * @param sealedBytes its sealed pages, pinned ones included
 * @param tailBytes the granules of its tail, at their most while it decodes
 * @param restBytes the granules of its tail when its last token has been attended
 * @param tableBytes its block tables
 * @param transformBytes the numbers of its transforms
 * @param f16Bytes the same keys and values as plain f16, for comparison
 */
public record KvFootprint(
    long tokens,
    long sealedBytes,
    long tailBytes,
    long restBytes,
    long tableBytes,
    long transformBytes,
    long f16Bytes) {

  /** Bytes of a block table's entry. */
  private static final int ENTRY_BYTES = 28;

  /**
   * Predicts the bytes of one sequence whose pages are encoded as they are.
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
    return of(
        shape, tokens, pageTokens, headsPerPage, Encoding.of(keys), Encoding.of(values), 0, 0);
  }

  /**
   * Predicts the bytes of one sequence.
   *
   * @param headsPerPage KV heads that share a page, 0 for all of a layer's
   * @param pinned first tokens whose pages are kept raw, see {@link KvCacheBuilder#pinned}
   * @param recent tokens that are read raw, see {@link KvCacheBuilder#recent}
   */
  public static KvFootprint of(
      KvShape shape,
      long tokens,
      int pageTokens,
      int headsPerPage,
      Encoding keys,
      Encoding values,
      int pinned,
      int recent) {
    if (tokens < 0 || pinned < 0 || recent < 0) {
      throw new IllegalArgumentException(
          "tokens are not negative: tokens="
              + tokens
              + ", pinned="
              + pinned
              + ", recent="
              + recent
              + "; give the length of the context and of its parts");
    }
    long sealed = 0;
    long tail = 0;
    long rest = 0;
    long tables = 0;
    long transforms = 0;
    Map<List<Object>, Long> shared = new HashMap<>();
    for (LayerShape layer : shape.layers()) {
      int heads = headsPerPage == 0 ? layer.kvHeads() : headsPerPage;
      PageLayout page = new PageLayout(layer, pageTokens, heads, keys.format(), values.format());
      long lanes = layer.kvHeads() / heads;
      long recentPages = pages(recent, pageTokens);
      long sealedPages = Math.max(0, tokens / pageTokens - recentPages);
      long pinnedPages = Math.min(sealedPages, pages(pinned, pageTokens));
      sealed += lanes * pinnedPages * page.pinned().pageBytes();
      sealed += lanes * (sealedPages - pinnedPages) * page.pageBytes();
      // While a page is sealed its raw rows are still there: a whole page of granules.
      long granuleBytes = lanes * page.granule().pageBytes();
      tail += (recentPages + 1) * (pageTokens / PageLayout.GRANULE_TOKENS) * granuleBytes;
      rest += pages(tokens - sealedPages * pageTokens, PageLayout.GRANULE_TOKENS) * granuleBytes;
      tables += lanes * (tokens / pageTokens + 2) * ENTRY_BYTES;
      if (keys.transform().isByContent()) {
        boolean fixed = sealedPages > pinnedPages;
        transforms += fixed ? perHead(keys.transform(), layer) : 0;
      } else if (keys.transform().isPerHead()) {
        transforms += perHead(keys.transform(), layer);
      } else {
        share(keys.transform(), layer.keyDim(), shared);
      }
      share(values.transform(), layer.valueDim(), shared);
    }
    transforms += shared.values().stream().mapToLong(Long::longValue).sum();
    return new KvFootprint(
        tokens, sealed, tail, rest, tables, transforms, tokens * shape.bytesPerTokenF16());
  }

  private static long pages(long tokens, int pageTokens) {
    return (tokens + pageTokens - 1) / pageTokens;
  }

  private static long perHead(TransformSpec transform, LayerShape layer) {
    return layer.kvHeads() * transform.instanceBytes(layer.keyDim());
  }

  /** One instance serves all layers of a dimension where it knows nothing of a head. */
  private static void share(TransformSpec transform, int channels, Map<List<Object>, Long> shared) {
    shared.put(List.of(transform, channels), transform.instanceBytes(channels));
  }

  /** All bytes, the tail's at their most. */
  public long bytes() {
    return sealedBytes + tailBytes + tableBytes + transformBytes;
  }

  /** Bytes of keys and values when the last token has been attended: the arena's own count. */
  public long kvBytesAtRest() {
    return sealedBytes + restBytes;
  }

  /** How many times smaller than plain f16. */
  public double compression() {
    return bytes() == 0 ? 1 : (double) f16Bytes / bytes();
  }
}
