package io.kvarena.opencl;

import static org.lwjgl.opencl.CL10.CL_MEM_READ_WRITE;
import static org.lwjgl.opencl.CL10.CL_MEM_USE_HOST_PTR;
import static org.lwjgl.opencl.CL10.clReleaseMemObject;
import static org.lwjgl.opencl.CL10.nclEnqueueReadBuffer;
import static org.lwjgl.opencl.CL10.nclEnqueueWriteBuffer;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Memory that host and kernels share, grown to the largest size asked for: one piece where the
 * device works in place, else a piece on each side and copies between them.
 */
final class ClBuffer {

  private static final int ALIGNMENT = 4096;
  private static final int BLOCKING = 1;

  private final ClContext context;
  private MemorySegment host = MemorySegment.NULL;
  private long handle;

  ClBuffer(ClContext context) {
    this.context = context;
  }

  /** Makes room for {@code bytes}; what the buffer held is lost if it grows. */
  void fit(long bytes) {
    if (host.byteSize() >= bytes && handle != 0) {
      return;
    }
    release();
    long capacity = Math.max(ALIGNMENT, Long.highestOneBit(2 * bytes - 1));
    // Collected once this buffer lets go of it; the driver lets go first, in release.
    MemorySegment grown = Arena.ofAuto().allocate(capacity, ALIGNMENT);
    handle =
        context.inPlace()
            ? context.createBuffer(
                CL_MEM_READ_WRITE | CL_MEM_USE_HOST_PTR, capacity, grown.address())
            : context.createBuffer(CL_MEM_READ_WRITE, capacity, 0);
    host = grown;
  }

  /** The host's side. */
  MemorySegment host() {
    return host;
  }

  /** The driver's handle. */
  long handle() {
    return handle;
  }

  /** Makes the first {@code bytes} that the host wrote visible to kernels. */
  void push(long queue, long bytes) {
    if (!context.inPlace()) {
      Cl.check(
          nclEnqueueWriteBuffer(queue, handle, BLOCKING, 0, bytes, host.address(), 0, 0, 0),
          "clEnqueueWriteBuffer");
    }
  }

  /** Makes the first {@code bytes} that kernels wrote visible to the host. */
  void pull(long queue, long bytes) {
    if (!context.inPlace()) {
      Cl.check(
          nclEnqueueReadBuffer(queue, handle, BLOCKING, 0, bytes, host.address(), 0, 0, 0),
          "clEnqueueReadBuffer");
    }
  }

  void release() {
    if (handle != 0) {
      Cl.check(clReleaseMemObject(handle), "clReleaseMemObject");
      handle = 0;
    }
  }
}
