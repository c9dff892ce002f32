package io.kvarena.ffi;

import io.kvarena.attention.AttentionKernel;
import io.kvarena.fixtures.cache.KvCacheThreadsContract;
import java.util.List;

/** The contract of a cache used by several threads, under every instruction set. */
class CKernelCacheThreadsTest extends KvCacheThreadsContract {

  @Override
  protected List<AttentionKernel> kernels() {
    return CKernelTest.kernels();
  }
}
