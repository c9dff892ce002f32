package io.kvarena.ffi;

import io.kvarena.attention.KernelOffer;
import io.kvarena.attention.KernelProvider;
import java.util.List;

/** Offers the kernels in C, one for each instruction set that suits this kind of processor. */
public final class CKernelProvider implements KernelProvider {

  /** An instruction set of the library, with what it asks of the processor. */
  private record Isa(String name, String rows, int rank, String needs) {}

  private static final Isa BASELINE = new Isa("baseline", "baseline", 300, "any processor");
  private static final List<Isa> X86 =
      List.of(
          new Isa("avx512vnni", "avx512", 330, "AVX-512 F, BW, DQ, VL, VNNI and VBMI"),
          new Isa("avx512", "avx512", 320, "AVX-512 F, BW, DQ and VL"),
          new Isa("avx2", "avx2", 310, "AVX2, FMA and F16C"),
          BASELINE);
  private static final List<Isa> ARM = List.of(new Isa("neon", "neon", 310, "NEON"), BASELINE);

  /** For {@link java.util.ServiceLoader}. */
  public CKernelProvider() {}

  @Override
  public int rankMax() {
    return X86.getFirst().rank;
  }

  @Override
  public List<KernelOffer> offers() {
    return offersOn(NativeLibrary.platform());
  }

  /** The offers for a platform such as {@code linux-aarch64}. */
  static List<KernelOffer> offersOn(String platform) {
    List<Isa> all =
        platform.endsWith("-x86_64")
            ? X86
            : platform.endsWith("-aarch64") ? ARM : List.of(BASELINE);
    return NativeLibrary.loaded()
        .map(library -> all.stream().map(isa -> offer(isa, library)))
        .orElseGet(() -> all.stream().map(CKernelProvider::missing))
        .toList();
  }

  private static KernelOffer offer(Isa isa, NativeLibrary library) {
    if (!library.has(isa.name)) {
      return unusable(isa, "the C library was built without it; library=" + NativeLibrary.report());
    }
    if (!library.supports(isa.name)) {
      return unusable(isa, "this processor or system lacks " + isa.needs);
    }
    return KernelOffer.usable(
        new CKernel(isa.name, isa.rows, library), isa.rank, "C, " + isa.needs);
  }

  private static KernelOffer missing(Isa isa) {
    return unusable(isa, NativeLibrary.report());
  }

  private static KernelOffer unusable(Isa isa, String reason) {
    return KernelOffer.unusable("c-" + isa.name, isa.rank, reason);
  }
}
