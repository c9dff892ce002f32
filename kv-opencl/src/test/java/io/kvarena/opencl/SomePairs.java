package io.kvarena.opencl;

import io.kvarena.attention.AttentionKernel;
import io.kvarena.attention.AttentionState;
import io.kvarena.attention.PageRun;
import io.kvarena.attention.Queries;
import io.kvarena.format.PageFormat;
import io.kvarena.format.PageLayout;
import java.util.function.BiPredicate;

/**
 * The kernel, made to refuse most pairs of formats, each of which takes a second or two to compile.
 *
 * @param pairs whether a pair of a keys and a values format is read
 */
record SomePairs(ClKernel kernel, BiPredicate<PageFormat, PageFormat> pairs)
    implements AttentionKernel {

  @Override
  public String name() {
    return kernel.name();
  }

  @Override
  public boolean supports(PageLayout layout) {
    return pairs.test(layout.keys(), layout.values()) && kernel.supports(layout);
  }

  @Override
  public boolean spreads() {
    return kernel.spreads();
  }

  @Override
  public void fold(Queries queries, PageRun run, AttentionState state) {
    kernel.fold(queries, run, state);
  }
}
