package io.kvarena.opencl;

import io.kvarena.attention.AttentionKernel;
import io.kvarena.fixtures.cache.KvCacheContract;
import io.kvarena.format.Formats;
import io.kvarena.format.PageFormat;
import java.util.List;

/** The contract of a cache under the OpenCL kernel, with pages of some formats. */
@NeedsOpenCl
class ClKernelCacheTest extends KvCacheContract {

  /** Those that the contract names; {@link ClKernelContractTest} and others read the rest. */
  private static final List<PageFormat> FORMATS =
      List.of(Formats.F32, Formats.F16, Formats.Q8_0, Formats.Q4_0);

  @Override
  protected List<AttentionKernel> kernels() {
    return List.of(
        new SomePairs(
            ClDevices.all().getFirst(),
            (keys, values) -> FORMATS.contains(keys) && FORMATS.contains(values)));
  }
}
