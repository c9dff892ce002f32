package io.kvarena.attention;

import java.util.List;

/** How a module brings its kernels; found with {@link java.util.ServiceLoader}. */
public interface KernelProvider {

  /** Every kernel that this module knows, usable on this machine or not. */
  List<KernelOffer> offers();
}
