package io.kvarena.opencl;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import org.lwjgl.opencl.CL;

/**
 * The three calls that every fold makes, on the functions that LWJGL found, with numbers for
 * pointers: LWJGL's own calls make an object of each pointer, which only warm code does without.
 */
final class ClCalls {

  private static final MethodHandle SET_KERNEL_ARG =
      handle(CL.getICD().clSetKernelArg, JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG);

  private static final MethodHandle ENQUEUE =
      handle(
          CL.getICD().clEnqueueNDRangeKernel,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_INT,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_INT,
          JAVA_LONG,
          JAVA_LONG);

  private static final MethodHandle FINISH = handle(CL.getICD().clFinish, JAVA_LONG);

  private ClCalls() {}

  @SuppressWarnings("restricted") // the function comes from the driver's own table
  private static MethodHandle handle(long address, MemoryLayout... arguments) {
    return Linker.nativeLinker()
        .downcallHandle(
            MemorySegment.ofAddress(address), FunctionDescriptor.of(JAVA_INT, arguments));
  }

  /**
   * Sets argument {@code index} of a kernel to the {@code bytes} at {@code value}; 0 for as many
   * bytes of local memory.
   */
  static void setArgument(long kernel, int index, long bytes, long value) {
    try {
      Cl.check((int) SET_KERNEL_ARG.invokeExact(kernel, index, bytes, value), "clSetKernelArg");
    } catch (Throwable thrown) {
      throw unexpected(thrown);
    }
  }

  /** Starts a kernel; {@code sizes} and {@code groupSizes} are addresses of u64 [dimensions]. */
  static void enqueue(long queue, long kernel, int dimensions, long sizes, long groupSizes) {
    try {
      Cl.check(
          (int) ENQUEUE.invokeExact(queue, kernel, dimensions, 0L, sizes, groupSizes, 0, 0L, 0L),
          "clEnqueueNDRangeKernel");
    } catch (Throwable thrown) {
      throw unexpected(thrown);
    }
  }

  /** Waits until everything in a queue is done. */
  static void finish(long queue) {
    try {
      Cl.check((int) FINISH.invokeExact(queue), "clFinish");
    } catch (Throwable thrown) {
      throw unexpected(thrown);
    }
  }

  private static RuntimeException unexpected(Throwable thrown) {
    if (thrown instanceof RuntimeException exception) {
      return exception;
    }
    if (thrown instanceof Error error) {
      throw error;
    }
    return new IllegalStateException(thrown);
  }
}
