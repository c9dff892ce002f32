package io.kvarena.opencl;

import io.kvarena.attention.AttentionKernel;
import io.kvarena.attention.AttentionState;
import io.kvarena.attention.PageRun;
import io.kvarena.attention.Queries;
import io.kvarena.fixtures.attention.AttentionKernelContract;
import io.kvarena.fixtures.attention.KernelGrid;
import io.kvarena.format.PageLayout;

/**
 * The grid of all kernels. One set of programs reads every shape, so that none is left out; of the
 * pairs of formats, each of which takes a second or two to compile, the grid gets those that it
 * gives its cases to. {@link ClKernelTest} folds some others.
 */
@NeedsOpenCl
final class ClKernelContractTest extends AttentionKernelContract {

  private static final AttentionKernel KERNEL = new MainPairs();

  /** The kernel, made to refuse the other pairs. */
  private static final class MainPairs implements AttentionKernel {
    private final ClKernel kernel = new ClKernel(ClDevices.all().getFirst());

    @Override
    public String name() {
      return kernel.name();
    }

    @Override
    public boolean supports(PageLayout layout) {
      return KernelGrid.isMain(layout.keys(), layout.values()) && kernel.supports(layout);
    }

    @Override
    public void fold(Queries queries, PageRun run, AttentionState state) {
      kernel.fold(queries, run, state);
    }
  }

  @Override
  protected AttentionKernel kernel() {
    return KERNEL;
  }
}
