package io.kvarena.attention.vector;

import io.kvarena.attention.KernelOffer;
import io.kvarena.attention.KernelProvider;
import java.util.List;
import jdk.incubator.vector.FloatVector;

/** Offers the kernel where the machine has vectors of at least 128 bits. */
public final class VectorKernelProvider implements KernelProvider {

  private static final int RANK = 100;

  /** Called by name: {@link io.kvarena.attention.Kernels} has no other way here. */
  public VectorKernelProvider() {}

  @Override
  public List<KernelOffer> offers() {
    int bits = FloatVector.SPECIES_PREFERRED.vectorBitSize();
    if (bits < 128) {
      return List.of(
          KernelOffer.unusable(
              "vector", RANK, "vectors are too narrow here: bits=" + bits + ", needed=128"));
    }
    return List.of(
        KernelOffer.usable(
            new VectorKernel(),
            RANK,
            "Vector API, " + Lanes.FLOATS.vectorBitSize() + "-bit vectors"));
  }
}
