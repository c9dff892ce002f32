package io.kvarena.ffi;

import io.kvarena.attention.AttentionKernel;
import io.kvarena.fixtures.attention.AttentionKernelContract;
import java.util.List;

/** The contract of kernels, for every instruction set of this processor on the same cases. */
class CKernelContractTest extends AttentionKernelContract {

  @Override
  protected AttentionKernel kernel() {
    return kernels().getFirst();
  }

  @Override
  protected List<AttentionKernel> kernels() {
    return CKernelTest.kernels();
  }
}
