package io.kvarena.opencl;

import io.kvarena.attention.AttentionKernel;
import io.kvarena.fixtures.cache.KvCacheThreadsContract;
import java.util.List;

/** The contract of a cache used by several threads, under the OpenCL kernel. */
@NeedsOpenCl
class ClKernelCacheThreadsTest extends KvCacheThreadsContract {

  @Override
  protected List<AttentionKernel> kernels() {
    return List.of(new ClKernel(ClDevices.all().getFirst()));
  }
}
