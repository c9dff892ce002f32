package io.kvarena.ffi;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.kvarena.memory.SlabSource;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.util.Locale;

/**
 * Slabs from the operating system in huge pages where it grants them: mapped on a boundary of 2 MiB
 * and backed by memory at once, which is faster than page by page and leaves fewer addresses for a
 * kernel to look up. Linux only.
 *
 * <p>Huge pages are asked for, not demanded: a system set to {@code never} gives small ones.
 */
public final class HugePageSlabs implements SlabSource {

  private static final long HUGE_PAGE_BYTES = 2L << 20;
  private static final int PROT_READ_WRITE = 3;
  private static final int MAP_PRIVATE_ANONYMOUS = 0x22;
  private static final int MADV_HUGEPAGE = 14;
  private static final int MADV_POPULATE_WRITE = 23;
  private static final int EINVAL = 22;

  /** The C functions, bound when the first slab source is made. */
  private static final class Libc {
    static final StructLayout STATE = Linker.Option.captureStateLayout();
    static final VarHandle ERRNO =
        STATE.varHandle(java.lang.foreign.MemoryLayout.PathElement.groupElement("errno"));
    static final MethodHandle MMAP =
        handle(
            "mmap",
            FunctionDescriptor.of(
                ADDRESS, ADDRESS, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG));
    static final MethodHandle MADVISE =
        handle("madvise", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT));
    static final MethodHandle MUNMAP =
        handle("munmap", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG));

    private static MethodHandle handle(String name, FunctionDescriptor type) {
      Linker linker = Linker.nativeLinker();
      return linker.downcallHandle(
          linker.defaultLookup().findOrThrow(name), type, Linker.Option.captureCallState("errno"));
    }
  }

  /** Throws UnsupportedOperationException elsewhere than on Linux. */
  public HugePageSlabs() {
    String os = System.getProperty("os.name");
    if (!os.toLowerCase(Locale.ROOT).startsWith("linux")) {
      throw new UnsupportedOperationException(
          "huge-page slabs are made with Linux' madvise: os=" + os + "; use SlabSource.JVM");
    }
  }

  @Override
  public MemorySegment allocate(long bytes, Arena arena) {
    if (bytes <= 0 || bytes > Long.MAX_VALUE / 2) {
      throw new IllegalArgumentException("a slab has bytes: bytes=" + bytes + "; ask for more");
    }
    // The kernel maps whole small pages; huge ones start at multiples of their size.
    long length = roundUp(bytes, ALIGNMENT);
    long mapped = length + HUGE_PAGE_BYTES;
    try (Arena call = Arena.ofConfined()) {
      MemorySegment state = call.allocate(Libc.STATE);
      long start = map(state, mapped);
      long address = roundUp(start, HUGE_PAGE_BYTES);
      unmap(state, start, address - start);
      unmap(state, address + length, start + mapped - address - length);
      try {
        advise(state, address, length, MADV_HUGEPAGE);
        advise(state, address, length, MADV_POPULATE_WRITE);
        return MemorySegment.ofAddress(address)
            .reinterpret(bytes, arena, slab -> release(slab.address(), length));
      } catch (RuntimeException | Error failed) {
        unmap(state, address, length);
        throw failed;
      }
    }
  }

  private static long roundUp(long value, long multiple) {
    return (value + multiple - 1) / multiple * multiple;
  }

  private static long map(MemorySegment state, long bytes) {
    MemorySegment start;
    try {
      start =
          (MemorySegment)
              Libc.MMAP.invokeExact(
                  state, MemorySegment.NULL, bytes, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0L);
    } catch (Throwable failed) {
      throw Downcalls.unexpected(failed);
    }
    if (start.address() == -1) {
      throw outOfMemory("mmap", bytes, errno(state));
    }
    return start.address();
  }

  /** An advice that this system does not know is not followed; the memory is good all the same. */
  private static void advise(MemorySegment state, long address, long bytes, int advice) {
    int result;
    try {
      result =
          (int) Libc.MADVISE.invokeExact(state, MemorySegment.ofAddress(address), bytes, advice);
    } catch (Throwable failed) {
      throw Downcalls.unexpected(failed);
    }
    if (result != 0 && errno(state) != EINVAL) {
      throw outOfMemory("madvise", bytes, errno(state));
    }
  }

  private static void unmap(MemorySegment state, long address, long bytes) {
    if (bytes == 0) {
      return;
    }
    int result;
    try {
      result = (int) Libc.MUNMAP.invokeExact(state, MemorySegment.ofAddress(address), bytes);
    } catch (Throwable failed) {
      throw Downcalls.unexpected(failed);
    }
    assert result == 0 : "munmap: errno=" + errno(state);
  }

  private static void release(long address, long bytes) {
    try (Arena call = Arena.ofConfined()) {
      unmap(call.allocate(Libc.STATE), address, bytes);
    }
  }

  private static int errno(MemorySegment state) {
    return (int) Libc.ERRNO.get(state, 0L);
  }

  private static OutOfMemoryError outOfMemory(String call, long bytes, int errno) {
    return new OutOfMemoryError(
        "no memory for a slab: call="
            + call
            + ", bytes="
            + bytes
            + ", errno="
            + errno
            + "; lower the arena's limit or the size of its slabs");
  }
}
