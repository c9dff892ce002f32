package io.kvarena.opencl;

import io.kvarena.attention.AttentionKernel;
import io.kvarena.attention.AttentionState;
import io.kvarena.attention.PageRun;
import io.kvarena.attention.Queries;
import io.kvarena.format.Formats;
import io.kvarena.format.PageFormat;
import io.kvarena.format.PageLayout;
import java.util.List;
import java.util.function.BiPredicate;

/**
 * The kernel, made to refuse most pairs of formats, each of which takes a second or two to compile,
 * and to fold chunks of queries as such for few pairs only, but then short ones too.
 */
final class SomePairs implements AttentionKernel {

  /**
   * Formats whose chunks are folded as such where keys and values both have them: with and without
   * scales and mins, with loads of 1, 4, 8 and 16 numbers, with a third plane of bits.
   */
  static final List<PageFormat> CHUNKED =
      List.of(Formats.F16, Formats.Q8_0, Formats.Q4_0, Formats.KIVI4, Formats.TURBO3);

  private static final int CHUNK_ROWS = 8;

  private final ClKernel singles;
  private final ClKernel chunks;
  private final BiPredicate<PageFormat, PageFormat> pairs;

  /** Reads the pairs of a keys and a values format that {@code pairs} names. */
  SomePairs(ClDevice device, BiPredicate<PageFormat, PageFormat> pairs) {
    this.pairs = pairs;
    ClShape shape = ClShape.of(device);
    singles = new ClKernel(device, shape, tuning(ClTuning.FROM_MAX, ClTuning.ROWS_MIN));
    chunks = new ClKernel(device, shape, tuning(CHUNK_ROWS, ClTuning.DEFAULT.prefillRows()));
  }

  /** The usual tuning, but for what concerns chunks. */
  static ClTuning tuning(int prefillFrom, int prefillRows) {
    return new ClTuning(
        ClTuning.DEFAULT.splitTokens(), ClTuning.DEFAULT.blockRows(), prefillFrom, prefillRows);
  }

  @Override
  public String name() {
    return singles.name();
  }

  @Override
  public boolean supports(PageLayout layout) {
    return pairs.test(layout.keys(), layout.values()) && singles.supports(layout);
  }

  @Override
  public boolean spreads() {
    return singles.spreads();
  }

  @Override
  public void fold(Queries queries, PageRun run, AttentionState state) {
    PageFormat keys = run.layout().keys();
    boolean chunked = keys == run.layout().values() && CHUNKED.contains(keys);
    (chunked ? chunks : singles).fold(queries, run, state);
  }
}
