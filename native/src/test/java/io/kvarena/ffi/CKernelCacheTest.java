package io.kvarena.ffi;

import io.kvarena.attention.AttentionKernel;
import io.kvarena.fixtures.cache.KvCacheContract;
import java.util.List;

/** The contract of a cache under every instruction set of this processor. */
class CKernelCacheTest extends KvCacheContract {

  @Override
  protected List<AttentionKernel> kernels() {
    return CKernelTest.kernels();
  }
}
