package io.kvarena.opencl;

import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.lwjgl.opencl.CL10.clReleaseKernel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

final class ClFunction {

  private final long kernel;
  private final MemorySegment value = Arena.ofAuto().allocate(JAVA_LONG);

  ClFunction(long kernel) {
    this.kernel = kernel;
  }

  long kernel() {
    return kernel;
  }

  /** Sets argument {@code index}. */
  void buffer(int index, long buffer) {
    // Set even if it is the same number as before: a driver may give a new buffer an old handle.
    value.set(JAVA_LONG, 0, buffer);
    ClCalls.setArgument(kernel, index, JAVA_LONG.byteSize(), value.address());
  }

  /** Gives argument {@code index} so many bytes of local memory. */
  void local(int index, long bytes) {
    ClCalls.setArgument(kernel, index, bytes, 0);
  }

  void release() {
    Cl.check(clReleaseKernel(kernel), "clReleaseKernel");
  }
}
