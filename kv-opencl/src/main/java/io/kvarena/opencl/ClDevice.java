package io.kvarena.opencl;

import java.util.Locale;

/**
 * An OpenCL device of this machine.
 *
 * @param platformHandle the driver's handle of the platform
 * @param handle the driver's handle of the device
 * @param platform name of the platform, such as {@code Portable Computing Language}
 * @param name name of the device
 * @param version OpenCL version and the driver's own words
 * @param kind what the device is
 * @param computeUnits cores, or what the driver counts as such
 * @param memoryBytes memory that the device may use
 * @param allocationBytesMax largest single buffer
 * @param localBytes local memory of a work-group
 * @param alignmentBytes what the address of memory used in place must be a multiple of
 * @param sharesMemory whether the driver says that device and host have one memory
 * @param compiles whether the driver brings a compiler and the device is little-endian
 */
public record ClDevice(
    long platformHandle,
    long handle,
    String platform,
    String name,
    String version,
    Kind kind,
    int computeUnits,
    long memoryBytes,
    long allocationBytesMax,
    long localBytes,
    int alignmentBytes,
    boolean sharesMemory,
    boolean compiles) {

  /** What a device is: it decides the shape of the kernels. */
  public enum Kind {
    CPU,
    GPU,
    OTHER
  }

  /** One line for people: name, platform, kind, size. */
  public String describe() {
    return String.format(
        Locale.ROOT,
        "%s (%s, %s, %d compute units, %.1f GiB)",
        name,
        platform,
        kind,
        computeUnits,
        memoryBytes / 0x1p30);
  }
}
