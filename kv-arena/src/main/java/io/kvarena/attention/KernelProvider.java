package io.kvarena.attention;

import java.util.List;

/** How a module brings its kernels; found with {@link java.util.ServiceLoader}. */
public interface KernelProvider {

  /**
   * The highest rank that an offer of this module can have. Known without looking at the machine,
   * it lets a process whose best kernel ranks higher do without the look.
   */
  default int rankMax() {
    return Integer.MAX_VALUE;
  }

  /** Every kernel that this module knows, usable on this machine or not. */
  List<KernelOffer> offers();
}
