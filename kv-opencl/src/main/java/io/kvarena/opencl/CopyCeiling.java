package io.kvarena.opencl;

import static org.lwjgl.opencl.CL10.CL_MEM_READ_WRITE;
import static org.lwjgl.opencl.CL10.clReleaseCommandQueue;
import static org.lwjgl.opencl.CL10.clReleaseMemObject;
import static org.lwjgl.opencl.CL10.nclEnqueueCopyBuffer;

import java.util.Arrays;

/**
 * What a device's memory gives at most: a copy from one buffer of it to another. Attention reads
 * nearly everything and writes next to nothing, and a copy reads and writes as much of each; both
 * count, as they share the same wires.
 */
public final class CopyCeiling {

  private static final int ROUNDS = 9;

  private CopyCeiling() {}

  /**
   * Bytes read and written in a second, the median of a few copies.
   *
   * @param bytes size of each of the two buffers; beyond what caches hold to mean anything
   */
  public static double bytesPerSecond(ClDevice device, long bytes) {
    ClContext context = ClContext.of(device);
    long queue = context.createQueue();
    long from = 0;
    long to = 0;
    try {
      from = context.createBuffer(CL_MEM_READ_WRITE, bytes, 0);
      to = context.createBuffer(CL_MEM_READ_WRITE, bytes, 0);
      // Memory that nobody has written may be one page of zeros, over and over.
      copy(queue, from, to, bytes);
      copy(queue, to, from, bytes);
      long[] nanos = new long[ROUNDS];
      for (int round = 0; round < ROUNDS; round++) {
        long start = System.nanoTime();
        copy(queue, from, to, bytes);
        nanos[round] = System.nanoTime() - start;
      }
      Arrays.sort(nanos);
      return 2e9 * bytes / nanos[ROUNDS / 2];
    } finally {
      release(from);
      release(to);
      Cl.check(clReleaseCommandQueue(queue), "clReleaseCommandQueue");
    }
  }

  private static void copy(long queue, long from, long to, long bytes) {
    Cl.check(nclEnqueueCopyBuffer(queue, from, to, 0, 0, bytes, 0, 0, 0), "clEnqueueCopyBuffer");
    ClCalls.finish(queue);
  }

  private static void release(long buffer) {
    if (buffer != 0) {
      Cl.check(clReleaseMemObject(buffer), "clReleaseMemObject");
    }
  }
}
