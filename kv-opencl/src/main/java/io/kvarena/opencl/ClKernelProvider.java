package io.kvarena.opencl;

import io.kvarena.attention.KernelOffer;
import io.kvarena.attention.KernelProvider;
import java.util.List;
import java.util.Optional;

/** Offers the OpenCL kernel on the first device that can serve; found with ServiceLoader. */
public final class ClKernelProvider implements KernelProvider {

  private static final int RANK_SHARED_GPU = 250;
  private static final int RANK_CPU = 200;

  /** Below every kernel that reads pages where they lie, above the specification. */
  private static final int RANK_COPYING = 50;

  /** The provider that ServiceLoader makes. */
  public ClKernelProvider() {}

  @Override
  public int rankMax() {
    return RANK_SHARED_GPU;
  }

  @Override
  public List<KernelOffer> offers() {
    Optional<String> problem = ClDevices.problem();
    if (problem.isPresent()) {
      return List.of(KernelOffer.unusable("opencl", RANK_CPU, problem.get()));
    }
    ClDevice device = ClDevices.all().getFirst();
    // Not asked whether it works in place: that compiles a program, and most processes choose
    // another kernel.
    ClKernel kernel = new ClKernel(device);
    String tuned = ClTuning.isStored(device) ? ", tuned: " + kernel.tuning() : "";
    return List.of(KernelOffer.usable(kernel, rank(device), device.describe() + tuned));
  }

  private static int rank(ClDevice device) {
    if (!device.sharesMemory()) {
      return RANK_COPYING;
    }
    return device.kind() == ClDevice.Kind.GPU ? RANK_SHARED_GPU : RANK_CPU;
  }
}
