package io.kvarena.opencl;

import io.kvarena.attention.AttentionKernel;
import io.kvarena.fixtures.attention.AttentionKernelContract;

/** The grid of all kernels. One set of programs reads every shape, so that none is left out. */
@NeedsOpenCl
final class ClKernelContractTest extends AttentionKernelContract {

  private static final AttentionKernel KERNEL = new ClKernel(ClDevices.all().getFirst());

  @Override
  protected AttentionKernel kernel() {
    return KERNEL;
  }
}
