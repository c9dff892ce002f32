package io.kvarena.opencl;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.lwjgl.opencl.CL10.CL_MEM_READ_WRITE;
import static org.lwjgl.opencl.CL10.CL_MEM_USE_HOST_PTR;
import static org.lwjgl.opencl.CL10.clFinish;
import static org.lwjgl.opencl.CL10.clReleaseCommandQueue;
import static org.lwjgl.opencl.CL10.clReleaseKernel;
import static org.lwjgl.opencl.CL10.clReleaseMemObject;
import static org.lwjgl.opencl.CL10.clReleaseProgram;
import static org.lwjgl.opencl.CL10.nclEnqueueNDRangeKernel;
import static org.lwjgl.opencl.CL10.nclSetKernelArg;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Finds out whether kernels of a device see host memory where it lies.
 *
 * <p>OpenCL promises that only between a map and an unmap. Where device and host have one memory it
 * holds without them, and asking the device is the one way to know: the host writes, a kernel reads
 * and answers, twice over the same two buffers.
 */
final class InPlaceProbe {

  /** Numbers in each buffer: a memory page of them. */
  private static final int COUNT = 1024;

  private static final int BYTES = 4 * COUNT;
  private static final int ALIGNMENT = 4096;

  private InPlaceProbe() {}

  /**
   * What the probe saw.
   *
   * @param inPlace whether kernels saw what the host wrote and the host what kernels wrote
   * @param sameAddress whether the kernel's pointer was the host's address: nothing was copied
   * @param reason the same in words
   */
  record Verdict(boolean inPlace, boolean sameAddress, String reason) {}

  static Verdict run(ClContext context) {
    if (!context.device().sharesMemory()) {
      return new Verdict(false, false, "the device has a memory of its own");
    }
    try (Arena arena = Arena.ofConfined()) {
      return ask(context, arena);
    } catch (ClException failed) {
      return new Verdict(false, false, "the start-up probe failed: " + failed.getMessage());
    }
  }

  private static Verdict ask(ClContext context, Arena arena) {
    MemorySegment from = arena.allocate(BYTES, ALIGNMENT);
    MemorySegment to = arena.allocate(BYTES, ALIGNMENT);
    MemorySegment where = arena.allocate(BYTES, ALIGNMENT);
    long flags = CL_MEM_READ_WRITE | CL_MEM_USE_HOST_PTR;
    long queue = context.createQueue();
    long program = context.build(KernelSource.probe());
    long kernel = context.createKernel(program, "probe");
    long fromBuffer = context.createBuffer(flags, BYTES, from.address());
    long toBuffer = context.createBuffer(flags, BYTES, to.address());
    long whereBuffer = context.createBuffer(flags, BYTES, where.address());
    setBuffer(arena, kernel, 0, fromBuffer);
    setBuffer(arena, kernel, 1, toBuffer);
    setBuffer(arena, kernel, 2, whereBuffer);
    MemorySegment count = arena.allocateFrom(JAVA_LONG, COUNT);
    boolean seen = true;
    for (int round = 1; round <= 2; round++) {
      for (int i = 0; i < COUNT; i++) {
        from.setAtIndex(JAVA_INT, i, round * 1_000_003 + i);
      }
      Cl.check(
          nclEnqueueNDRangeKernel(queue, kernel, 1, 0, count.address(), 0, 0, 0, 0),
          "clEnqueueNDRangeKernel");
      Cl.check(clFinish(queue), "clFinish");
      for (int i = 0; i < COUNT; i++) {
        seen &= to.getAtIndex(JAVA_INT, i) == 2 * (round * 1_000_003 + i) + 1;
      }
    }
    boolean sameAddress = where.get(JAVA_LONG, 0) == from.address();
    Cl.check(clReleaseMemObject(fromBuffer), "clReleaseMemObject");
    Cl.check(clReleaseMemObject(toBuffer), "clReleaseMemObject");
    Cl.check(clReleaseMemObject(whereBuffer), "clReleaseMemObject");
    Cl.check(clReleaseKernel(kernel), "clReleaseKernel");
    Cl.check(clReleaseProgram(program), "clReleaseProgram");
    Cl.check(clReleaseCommandQueue(queue), "clReleaseCommandQueue");
    return seen
        ? new Verdict(true, sameAddress, "a kernel saw host writes in place")
        : new Verdict(false, sameAddress, "a kernel did not see host writes in place");
  }

  private static void setBuffer(Arena arena, long kernel, int index, long buffer) {
    MemorySegment value = arena.allocateFrom(JAVA_LONG, buffer);
    Cl.check(
        nclSetKernelArg(kernel, index, JAVA_LONG.byteSize(), value.address()), "clSetKernelArg");
  }
}
