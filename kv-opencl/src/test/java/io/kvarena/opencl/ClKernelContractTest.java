package io.kvarena.opencl;

import io.kvarena.attention.AttentionKernel;
import io.kvarena.fixtures.attention.AttentionKernelContract;
import io.kvarena.format.Formats;

/**
 * The grid of all kernels. One set of programs reads every shape, so that none is left out; of the
 * pairs of formats, each of which takes a second or two to compile, the grid gets those that are
 * alike or have an f16 side. {@link ClKernelTest} folds some others.
 */
@NeedsOpenCl
final class ClKernelContractTest extends AttentionKernelContract {

  private static final AttentionKernel KERNEL =
      new SomePairs(
          ClDevices.all().getFirst(),
          (keys, values) -> keys == values || keys == Formats.F16 || values == Formats.F16);

  @Override
  protected AttentionKernel kernel() {
    return KERNEL;
  }
}
