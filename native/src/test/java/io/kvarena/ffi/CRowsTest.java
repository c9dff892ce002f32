package io.kvarena.ffi;

import io.kvarena.attention.AttentionKernel;
import io.kvarena.fixtures.attention.RowKernelContract;
import java.util.List;

/** The contract of kernels of rows, for every instruction set of this processor. */
class CRowsTest extends RowKernelContract {

  @Override
  protected List<AttentionKernel> kernels() {
    return CKernelTest.kernels();
  }
}
