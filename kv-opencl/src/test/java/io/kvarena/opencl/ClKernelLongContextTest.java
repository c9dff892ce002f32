package io.kvarena.opencl;

import io.kvarena.attention.AttentionKernel;
import io.kvarena.fixtures.cache.LongContextContract;
import java.util.List;

/** The contract of long contexts under the OpenCL kernel. */
@NeedsOpenCl
class ClKernelLongContextTest extends LongContextContract {

  @Override
  protected List<AttentionKernel> kernels() {
    return List.of(new ClKernel(ClDevices.all().getFirst()));
  }
}
