package io.kvarena.opencl;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.lwjgl.opencl.CL10.CL_CONTEXT_PLATFORM;
import static org.lwjgl.opencl.CL10.CL_PROGRAM_BINARIES;
import static org.lwjgl.opencl.CL10.CL_PROGRAM_BINARY_SIZES;
import static org.lwjgl.opencl.CL10.CL_PROGRAM_BUILD_LOG;
import static org.lwjgl.opencl.CL10.CL_SUCCESS;
import static org.lwjgl.opencl.CL10.clReleaseProgram;
import static org.lwjgl.opencl.CL10.nclBuildProgram;
import static org.lwjgl.opencl.CL10.nclCreateBuffer;
import static org.lwjgl.opencl.CL10.nclCreateCommandQueue;
import static org.lwjgl.opencl.CL10.nclCreateContext;
import static org.lwjgl.opencl.CL10.nclCreateKernel;
import static org.lwjgl.opencl.CL10.nclCreateProgramWithBinary;
import static org.lwjgl.opencl.CL10.nclCreateProgramWithSource;
import static org.lwjgl.opencl.CL10.nclGetProgramBuildInfo;
import static org.lwjgl.opencl.CL10.nclGetProgramInfo;

import java.lang.System.Logger.Level;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What this process holds of one device, for as long as it runs: the context, the compiled programs
 * and the slabs that kernels see.
 */
final class ClContext {

  private static final Map<ClDevice, ClContext> CONTEXTS = new ConcurrentHashMap<>();

  /** The subset that every driver compiles, with its warnings kept off our stderr. */
  private static final String BUILD_OPTIONS = "-cl-std=CL1.2 -w";

  private final ClDevice device;
  private final long handle;
  private final ClBinaries binaries;
  private final InPlaceProbe.Verdict verdict;
  private final ClSlabs slabs;

  /** Programs of each way to fold, [pair of formats], 0 before they are compiled. */
  private final Map<ClProgram, long[]> programs = new EnumMap<>(ClProgram.class);

  private ClContext(ClDevice device) {
    this.device = device;
    this.handle = create(device);
    this.binaries = ClBinaries.ofUser();
    this.slabs = new ClSlabs(this);
    this.verdict = InPlaceProbe.run(this);
    report();
  }

  /**
   * A context of its own that does as the probe would have told it to, and keeps its programs
   * there.
   */
  ClContext(ClDevice device, InPlaceProbe.Verdict verdict, ClBinaries binaries) {
    this.device = device;
    this.handle = create(device);
    this.binaries = binaries;
    this.slabs = new ClSlabs(this);
    this.verdict = verdict;
    report();
  }

  private void report() {
    if (!verdict.inPlace()) {
      System.getLogger("io.kvarena.opencl")
          .log(
              Level.INFO,
              "OpenCL copies pages before it folds them: device={0}; {1}",
              device.name(),
              verdict.reason());
    }
  }

  /** The context of a device, the same for the whole process; its first use asks the probe. */
  static ClContext of(ClDevice device) {
    return CONTEXTS.computeIfAbsent(device, ClContext::new);
  }

  ClDevice device() {
    return device;
  }

  ClSlabs slabs() {
    return slabs;
  }

  /** Whether kernels of this device see host memory where it lies. */
  boolean inPlace() {
    return verdict.inPlace();
  }

  /** What the probe saw. */
  InPlaceProbe.Verdict verdict() {
    return verdict;
  }

  private static long create(ClDevice device) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment properties =
          arena.allocateFrom(JAVA_LONG, CL_CONTEXT_PLATFORM, device.platformHandle(), 0);
      MemorySegment devices = arena.allocateFrom(JAVA_LONG, device.handle());
      MemorySegment code = arena.allocate(JAVA_INT);
      long context =
          nclCreateContext(properties.address(), 1, devices.address(), 0, 0, code.address());
      Cl.check(code.get(JAVA_INT, 0), "clCreateContext");
      return context;
    }
  }

  long createQueue() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment code = arena.allocate(JAVA_INT);
      long queue = nclCreateCommandQueue(handle, device.handle(), 0, code.address());
      Cl.check(code.get(JAVA_INT, 0), "clCreateCommandQueue");
      return queue;
    }
  }

  long createBuffer(long flags, long bytes, long address) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment code = arena.allocate(JAVA_INT);
      long buffer = nclCreateBuffer(handle, flags, bytes, address, code.address());
      Cl.check(code.get(JAVA_INT, 0), "clCreateBuffer");
      return buffer;
    }
  }

  /** A kernel object, which one thread at a time may use. */
  long createKernel(long program, String name) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment code = arena.allocate(JAVA_INT);
      long kernel = nclCreateKernel(program, arena.allocateFrom(name).address(), code.address());
      Cl.check(code.get(JAVA_INT, 0), "clCreateKernel");
      return kernel;
    }
  }

  /** The program that folds a pair of formats, compiled at the first call. */
  synchronized long program(ClProgram program, int pair) {
    long[] built = programs.computeIfAbsent(program, way -> new long[KernelSource.PAIRS]);
    if (built[pair] == 0) {
      built[pair] = build(KernelSource.fold(program, pair));
    }
    return built[pair];
  }

  /**
   * Makes a program from its binary, if one was kept, else from source; what the compiler says to a
   * faulty source is in the exception.
   */
  long build(String source) {
    String key = ClBinaries.key(device, BUILD_OPTIONS, source);
    long kept = binaries.find(key).map(this::fromBinary).orElse(0L);
    if (kept != 0) {
      return kept;
    }
    binaries.drop(key);
    long program = compile(source);
    binaries.keep(key, binaryOf(program));
    return program;
  }

  private long compile(String source) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment code = arena.allocate(JAVA_INT);
      MemorySegment text = arena.allocateFrom(source);
      MemorySegment strings = arena.allocateFrom(JAVA_LONG, text.address());
      long program = nclCreateProgramWithSource(handle, 1, strings.address(), 0, code.address());
      Cl.check(code.get(JAVA_INT, 0), "clCreateProgramWithSource");
      int built = build(program, arena);
      if (built != CL_SUCCESS) {
        String log = buildLog(program);
        Cl.check(clReleaseProgram(program), "clReleaseProgram");
        throw new ClException("clBuildProgram", built, Cl.FALL_BACK, log);
      }
      return program;
    }
  }

  private int build(long program, Arena arena) {
    MemorySegment devices = arena.allocateFrom(JAVA_LONG, device.handle());
    MemorySegment options = arena.allocateFrom(BUILD_OPTIONS);
    return nclBuildProgram(program, 1, devices.address(), options.address(), 0, 0);
  }

  /** The program of a binary, 0 if the driver refuses it. */
  private long fromBinary(byte[] binary) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment code = arena.allocate(JAVA_INT);
      MemorySegment status = arena.allocate(JAVA_INT);
      MemorySegment bytes = arena.allocateFrom(JAVA_BYTE, binary);
      MemorySegment devices = arena.allocateFrom(JAVA_LONG, device.handle());
      MemorySegment lengths = arena.allocateFrom(JAVA_LONG, binary.length);
      MemorySegment all = arena.allocateFrom(JAVA_LONG, bytes.address());
      long program =
          nclCreateProgramWithBinary(
              handle,
              1,
              devices.address(),
              lengths.address(),
              all.address(),
              status.address(),
              code.address());
      if (code.get(JAVA_INT, 0) != CL_SUCCESS) {
        return 0;
      }
      if (status.get(JAVA_INT, 0) == CL_SUCCESS && build(program, arena) == CL_SUCCESS) {
        return program;
      }
      Cl.check(clReleaseProgram(program), "clReleaseProgram");
      return 0;
    }
  }

  /** What the driver made of a program; empty if it does not say. */
  private static byte[] binaryOf(long program) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment length = arena.allocate(JAVA_LONG);
      int code =
          nclGetProgramInfo(
              program, CL_PROGRAM_BINARY_SIZES, length.byteSize(), length.address(), 0);
      if (code != CL_SUCCESS || length.get(JAVA_LONG, 0) <= 0) {
        return new byte[0];
      }
      MemorySegment bytes = arena.allocate(length.get(JAVA_LONG, 0));
      MemorySegment all = arena.allocateFrom(JAVA_LONG, bytes.address());
      code = nclGetProgramInfo(program, CL_PROGRAM_BINARIES, all.byteSize(), all.address(), 0);
      return code == CL_SUCCESS ? bytes.toArray(JAVA_BYTE) : new byte[0];
    }
  }

  private String buildLog(long program) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocate(JAVA_LONG);
      int code =
          nclGetProgramBuildInfo(
              program, device.handle(), CL_PROGRAM_BUILD_LOG, 0, 0, bytes.address());
      if (code != CL_SUCCESS) {
        return "";
      }
      MemorySegment log = arena.allocate(bytes.get(JAVA_LONG, 0) + 1);
      code =
          nclGetProgramBuildInfo(
              program, device.handle(), CL_PROGRAM_BUILD_LOG, log.byteSize() - 1, log.address(), 0);
      return code == CL_SUCCESS ? log.getString(0).strip() : "";
    }
  }
}
