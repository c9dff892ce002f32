package io.kvarena.opencl;

import io.kvarena.attention.AttentionKernel;
import io.kvarena.fixtures.cache.KvCacheContract;
import java.util.List;

/** The contract of a cache under the OpenCL kernel. */
@NeedsOpenCl
class ClKernelCacheTest extends KvCacheContract {

  @Override
  protected List<AttentionKernel> kernels() {
    return List.of(new ClKernel(ClDevices.all().getFirst()));
  }

  /** Fewer, as each pair of formats takes a second to compile. */
  @Override
  protected int chains() {
    return 60;
  }
}
