package io.kvarena.opencl;

import io.kvarena.format.PageLayout;

/** What the work of a fold is cut up for. */
public enum ClShape {
  /** A work-item takes wide vectors and shares nothing with others. */
  CPU(ClProgram.CPU_DECODE, ClProgram.CPU_PREFILL),

  /** Work-items of a group read neighbouring memory and share local memory. */
  GPU(ClProgram.GPU_DECODE, ClProgram.GPU_PREFILL);

  private final ClProgram decode;
  private final ClProgram prefill;

  ClShape(ClProgram decode, ClProgram prefill) {
    this.decode = decode;
    this.prefill = prefill;
  }

  /** The shape for a device. */
  public static ClShape of(ClDevice device) {
    return device.kind() == ClDevice.Kind.CPU ? CPU : GPU;
  }

  /**
   * What folds so many query tokens: to the bit the same result, whichever it is.
   *
   * @param localBytesMax local memory of the device, which decoded tiles have to fit
   */
  ClProgram program(PageLayout layout, int tokens, ClTuning tuning, long localBytesMax) {
    boolean many = (long) tokens * layout.layer().group() >= tuning.prefillFrom();
    return many && prefill.tilesBytes(layout) <= localBytesMax ? prefill : decode;
  }
}
