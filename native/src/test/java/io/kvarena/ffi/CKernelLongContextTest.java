package io.kvarena.ffi;

import io.kvarena.attention.AttentionKernel;
import io.kvarena.fixtures.cache.LongContextContract;
import java.util.List;

/** The contract of long contexts, for every instruction set of this processor. */
class CKernelLongContextTest extends LongContextContract {

  @Override
  protected List<AttentionKernel> kernels() {
    return CKernelTest.kernels();
  }
}
