package io.kvarena.attention;

import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A kernel that could serve here, or why it cannot.
 *
 * @param name the kernel's name
 * @param rank preference: the usable kernel with the highest rank serves. Scalar is 0, Vector 100,
 *     OpenCL on a CPU 200, C 300 and more by instruction set
 * @param kernel the kernel, or null where it is not usable
 * @param reason what it runs on, or what is missing and how to get it
 */
public record KernelOffer(String name, int rank, @Nullable AttentionKernel kernel, String reason) {

  /** A kernel ready to use. */
  public static KernelOffer usable(AttentionKernel kernel, int rank, String runsOn) {
    return new KernelOffer(kernel.name(), rank, kernel, runsOn);
  }

  /** A kernel that cannot be used, and the cure. */
  public static KernelOffer unusable(String name, int rank, String reason) {
    return new KernelOffer(name, rank, null, reason);
  }

  /** The kernel, if it is usable. */
  public Optional<AttentionKernel> usableKernel() {
    return Optional.ofNullable(kernel);
  }
}
