package io.kvarena.opencl;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.lwjgl.opencl.CL10.CL_DEVICE_AVAILABLE;
import static org.lwjgl.opencl.CL10.CL_DEVICE_COMPILER_AVAILABLE;
import static org.lwjgl.opencl.CL10.CL_DEVICE_ENDIAN_LITTLE;
import static org.lwjgl.opencl.CL10.CL_DEVICE_GLOBAL_MEM_SIZE;
import static org.lwjgl.opencl.CL10.CL_DEVICE_LOCAL_MEM_SIZE;
import static org.lwjgl.opencl.CL10.CL_DEVICE_MAX_COMPUTE_UNITS;
import static org.lwjgl.opencl.CL10.CL_DEVICE_MAX_MEM_ALLOC_SIZE;
import static org.lwjgl.opencl.CL10.CL_DEVICE_MEM_BASE_ADDR_ALIGN;
import static org.lwjgl.opencl.CL10.CL_DEVICE_NAME;
import static org.lwjgl.opencl.CL10.CL_DEVICE_TYPE;
import static org.lwjgl.opencl.CL10.CL_DEVICE_TYPE_ALL;
import static org.lwjgl.opencl.CL10.CL_DEVICE_TYPE_CPU;
import static org.lwjgl.opencl.CL10.CL_DEVICE_TYPE_GPU;
import static org.lwjgl.opencl.CL10.CL_DEVICE_VERSION;
import static org.lwjgl.opencl.CL10.CL_PLATFORM_NAME;
import static org.lwjgl.opencl.CL10.CL_SUCCESS;
import static org.lwjgl.opencl.CL10.nclGetDeviceIDs;
import static org.lwjgl.opencl.CL10.nclGetDeviceInfo;
import static org.lwjgl.opencl.CL10.nclGetPlatformIDs;
import static org.lwjgl.opencl.CL10.nclGetPlatformInfo;
import static org.lwjgl.opencl.CL11.CL_DEVICE_HOST_UNIFIED_MEMORY;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * The OpenCL devices of this machine, looked for once.
 *
 * <p>The system property {@value #PROPERTY} holds part of the name of a device or of its platform
 * and makes that device the first.
 */
public final class ClDevices {

  /** System property that chooses a device by part of its name or its platform's. */
  public static final String PROPERTY = "kvarena.opencl.device";

  private static final int PLATFORMS_MAX = 16;
  private static final int DEVICES_MAX = 64;

  private ClDevices() {}

  private static final class Holder {
    static final Survey SURVEY = survey();
  }

  private record Survey(List<ClDevice> devices, Optional<String> problem) {}

  /** Every device, that which serves best first: shared memory before speed. */
  public static List<ClDevice> all() {
    return Holder.SURVEY.devices();
  }

  /** Why no device can serve and how to change that; empty if one can. */
  public static Optional<String> problem() {
    return Holder.SURVEY.problem();
  }

  private static Survey survey() {
    Optional<String> library = ClLibrary.problem();
    if (library.isPresent()) {
      return new Survey(List.of(), library);
    }
    List<ClDevice> devices = new ArrayList<>();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment count = arena.allocate(JAVA_INT);
      MemorySegment handles = arena.allocate(JAVA_LONG, PLATFORMS_MAX);
      int code = nclGetPlatformIDs(PLATFORMS_MAX, handles.address(), count.address());
      int platforms = code == CL_SUCCESS ? Math.min(PLATFORMS_MAX, count.get(JAVA_INT, 0)) : 0;
      for (int i = 0; i < platforms; i++) {
        addDevices(handles.getAtIndex(JAVA_LONG, i), devices);
      }
      if (platforms == 0) {
        return none("no OpenCL platform: code=" + code + " (" + ClErrors.name(code) + ")");
      }
    }
    if (devices.isEmpty()) {
      return none("no OpenCL device: devices=0");
    }
    String wanted = System.getProperty(PROPERTY, "").toLowerCase(Locale.ROOT);
    devices.sort(
        Comparator.comparing((ClDevice device) -> !matches(device, wanted))
            .thenComparing(device -> !device.compiles())
            .thenComparing(device -> !device.sharesMemory())
            .thenComparing(device -> device.kind() != ClDevice.Kind.GPU));
    ClDevice first = devices.getFirst();
    if (!matches(first, wanted)) {
      return new Survey(
          List.copyOf(devices),
          Optional.of(
              "no such OpenCL device: "
                  + PROPERTY
                  + "="
                  + wanted
                  + ", first="
                  + first.name()
                  + "; unset the property or name a device that is there"));
    }
    if (!first.compiles()) {
      return new Survey(
          List.copyOf(devices),
          Optional.of(
              "no OpenCL device with a compiler: first=" + first.name() + "; " + ClLibrary.CURE));
    }
    return new Survey(List.copyOf(devices), Optional.empty());
  }

  private static Survey none(String what) {
    return new Survey(List.of(), Optional.of(what + "; " + ClLibrary.CURE));
  }

  private static boolean matches(ClDevice device, String wanted) {
    return device.name().toLowerCase(Locale.ROOT).contains(wanted)
        || device.platform().toLowerCase(Locale.ROOT).contains(wanted);
  }

  private static void addDevices(long platform, List<ClDevice> devices) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment count = arena.allocate(JAVA_INT);
      MemorySegment handles = arena.allocate(JAVA_LONG, DEVICES_MAX);
      int code =
          nclGetDeviceIDs(
              platform, CL_DEVICE_TYPE_ALL, DEVICES_MAX, handles.address(), count.address());
      int found = code == CL_SUCCESS ? Math.min(DEVICES_MAX, count.get(JAVA_INT, 0)) : 0;
      for (int i = 0; i < found; i++) {
        long device = handles.getAtIndex(JAVA_LONG, i);
        devices.add(read(platform, device));
      }
    }
  }

  private static ClDevice read(long platform, long device) {
    long type = number(device, CL_DEVICE_TYPE, 8);
    ClDevice.Kind kind =
        (type & CL_DEVICE_TYPE_GPU) != 0
            ? ClDevice.Kind.GPU
            : (type & CL_DEVICE_TYPE_CPU) != 0 ? ClDevice.Kind.CPU : ClDevice.Kind.OTHER;
    return new ClDevice(
        platform,
        device,
        text((size, to) -> nclGetPlatformInfo(platform, CL_PLATFORM_NAME, size, to, 0)),
        text((size, to) -> nclGetDeviceInfo(device, CL_DEVICE_NAME, size, to, 0)),
        text((size, to) -> nclGetDeviceInfo(device, CL_DEVICE_VERSION, size, to, 0)),
        kind,
        (int) number(device, CL_DEVICE_MAX_COMPUTE_UNITS, 4),
        number(device, CL_DEVICE_GLOBAL_MEM_SIZE, 8),
        number(device, CL_DEVICE_MAX_MEM_ALLOC_SIZE, 8),
        number(device, CL_DEVICE_LOCAL_MEM_SIZE, 8),
        // The query answers in bits.
        (int) number(device, CL_DEVICE_MEM_BASE_ADDR_ALIGN, 4) / 8,
        number(device, CL_DEVICE_HOST_UNIFIED_MEMORY, 4) != 0,
        number(device, CL_DEVICE_COMPILER_AVAILABLE, 4) != 0
            && number(device, CL_DEVICE_AVAILABLE, 4) != 0
            && number(device, CL_DEVICE_ENDIAN_LITTLE, 4) != 0);
  }

  private interface Query {
    int ask(long size, long to);
  }

  /** Answer to a question for a string; empty if the driver has none. */
  private static String text(Query query) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment to = arena.allocate(1024);
      int code = query.ask(to.byteSize() - 1, to.address());
      return code == CL_SUCCESS ? to.getString(0).strip() : "";
    }
  }

  /** Answer to a question for a number of {@code bytes} bytes; 0 if the driver has none. */
  private static long number(long device, int what, int bytes) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment to = arena.allocate(JAVA_LONG);
      int code = nclGetDeviceInfo(device, what, bytes, to.address(), 0);
      return code == CL_SUCCESS ? to.get(JAVA_LONG, 0) : 0;
    }
  }
}
