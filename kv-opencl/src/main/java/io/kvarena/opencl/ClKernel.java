package io.kvarena.opencl;

import io.kvarena.attention.AttentionKernel;
import io.kvarena.attention.AttentionState;
import io.kvarena.attention.PageRun;
import io.kvarena.attention.Queries;
import io.kvarena.format.PageLayout;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Locale;
import java.util.function.Supplier;

/**
 * Attention on an OpenCL device: in place on the slabs where the device sees host memory, else on
 * copies of the run's pages, which is correct and slower.
 *
 * <p>Reads every pair of the library's formats. A pair's program is compiled at its first fold, in
 * a second or two unless the driver keeps it from an earlier process; chunks of many queries have
 * another, compiled at the first of them, that gives the same bits. Any number of threads may fold
 * at once, each with a worker of its own that the next fold reuses.
 */
public final class ClKernel implements AttentionKernel {

  private final ClDevice device;
  private final ClShape shape;
  private final ClTuning tuning;
  private final Supplier<ClContext> context;
  private final Deque<ClWorker> idle = new ArrayDeque<>();

  /** A kernel for {@code device} in a shape that need not be the device's own, as it is tuned. */
  public ClKernel(ClDevice device, ClShape shape) {
    this(device, shape, ClTuning.of(device));
  }

  /** A kernel for {@code device} under a tuning that need not be the stored one. */
  public ClKernel(ClDevice device, ClShape shape, ClTuning tuning) {
    this(device, shape, tuning, () -> ClContext.of(device));
  }

  ClKernel(ClDevice device, ClShape shape, ClTuning tuning, Supplier<ClContext> context) {
    this.device = device;
    this.shape = shape;
    this.tuning = tuning;
    this.context = context;
  }

  /** A kernel for {@code device} in its own shape. */
  public ClKernel(ClDevice device) {
    this(device, ClShape.of(device));
  }

  /** {@code opencl}, or {@code opencl-gpu-shape} where the shape is not the device's own. */
  @Override
  public String name() {
    return shape == ClShape.of(device)
        ? "opencl"
        : "opencl-" + shape.name().toLowerCase(Locale.ROOT) + "-shape";
  }

  /** The device that it runs on. */
  public ClDevice device() {
    return device;
  }

  /** How it cuts up its work. */
  public ClTuning tuning() {
    return tuning;
  }

  /** Whether it reads slabs where they lie; the first call asks the device. */
  public boolean inPlace() {
    return context.get().inPlace();
  }

  /** Where it runs and whether in place, for people; the first call asks the device. */
  public String runsOn() {
    InPlaceProbe.Verdict verdict = context.get().verdict();
    return device.describe()
        + (verdict.inPlace() ? ", in place: " : ", on copies of the pages: ")
        + verdict.reason();
  }

  @Override
  public boolean supports(PageLayout layout) {
    return KernelSource.pair(layout.keys(), layout.values()) >= 0
        && layout.pageBytes() <= Integer.MAX_VALUE;
  }

  @Override
  public boolean spreads() {
    return true;
  }

  @Override
  public void fold(Queries queries, PageRun run, AttentionState state) {
    if (!supports(run.layout())) {
      throw new IllegalArgumentException(
          "the OpenCL kernel does not read this layout: "
              + run.layout()
              + "; use formats out of "
              + String.join(" ", KernelSource.FORMATS));
    }
    if (run.size() == 0 || queries.tokens() == 0) {
      return;
    }
    FoldChecks.check(queries, run, state);
    ClWorker worker = borrow();
    try {
      worker.fold(queries, run, state);
    } catch (RuntimeException | Error failed) {
      discard(worker, failed);
      throw failed;
    }
    giveBack(worker);
  }

  /** Drops a worker whose fold failed: what its queue and buffers hold is not known. */
  private static void discard(ClWorker worker, Throwable failed) {
    try {
      worker.release();
    } catch (ClException also) {
      failed.addSuppressed(also);
    }
  }

  private ClWorker borrow() {
    synchronized (idle) {
      ClWorker worker = idle.poll();
      if (worker != null) {
        return worker;
      }
    }
    return new ClWorker(context.get(), shape, tuning);
  }

  private void giveBack(ClWorker worker) {
    synchronized (idle) {
      idle.push(worker);
    }
  }

  @Override
  public String toString() {
    return name() + " on " + device.describe();
  }
}
