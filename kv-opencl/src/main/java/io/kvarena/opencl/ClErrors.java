package io.kvarena.opencl;

/** Names of OpenCL's return codes. */
final class ClErrors {

  /** Codes 0 to -19: the world's fault. */
  private static final String[] RUNTIME = {
    "SUCCESS",
    "DEVICE_NOT_FOUND",
    "DEVICE_NOT_AVAILABLE",
    "COMPILER_NOT_AVAILABLE",
    "MEM_OBJECT_ALLOCATION_FAILURE",
    "OUT_OF_RESOURCES",
    "OUT_OF_HOST_MEMORY",
    "PROFILING_INFO_NOT_AVAILABLE",
    "MEM_COPY_OVERLAP",
    "IMAGE_FORMAT_MISMATCH",
    "IMAGE_FORMAT_NOT_SUPPORTED",
    "BUILD_PROGRAM_FAILURE",
    "MAP_FAILURE",
    "MISALIGNED_SUB_BUFFER_OFFSET",
    "EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST",
    "COMPILE_PROGRAM_FAILURE",
    "LINKER_NOT_AVAILABLE",
    "LINK_PROGRAM_FAILURE",
    "DEVICE_PARTITION_FAILED",
    "KERNEL_ARG_INFO_NOT_AVAILABLE"
  };

  /** Codes -30 to -72: the caller's fault. */
  private static final String[] INVALID = {
    "VALUE",
    "DEVICE_TYPE",
    "PLATFORM",
    "DEVICE",
    "CONTEXT",
    "QUEUE_PROPERTIES",
    "COMMAND_QUEUE",
    "HOST_PTR",
    "MEM_OBJECT",
    "IMAGE_FORMAT_DESCRIPTOR",
    "IMAGE_SIZE",
    "SAMPLER",
    "BINARY",
    "BUILD_OPTIONS",
    "PROGRAM",
    "PROGRAM_EXECUTABLE",
    "KERNEL_NAME",
    "KERNEL_DEFINITION",
    "KERNEL",
    "ARG_INDEX",
    "ARG_VALUE",
    "ARG_SIZE",
    "KERNEL_ARGS",
    "WORK_DIMENSION",
    "WORK_GROUP_SIZE",
    "WORK_ITEM_SIZE",
    "GLOBAL_OFFSET",
    "EVENT_WAIT_LIST",
    "EVENT",
    "OPERATION",
    "GL_OBJECT",
    "BUFFER_SIZE",
    "MIP_LEVEL",
    "GLOBAL_WORK_SIZE",
    "PROPERTY",
    "IMAGE_DESCRIPTOR",
    "COMPILER_OPTIONS",
    "LINKER_OPTIONS",
    "DEVICE_PARTITION_COUNT",
    "PIPE_SIZE",
    "DEVICE_QUEUE",
    "SPEC_ID",
    "MAX_SIZE_RESTRICTION_EXCEEDED"
  };

  private static final int FIRST_INVALID = 30;
  private static final int PLATFORM_NOT_FOUND = -1001;

  private ClErrors() {}

  static String name(int code) {
    int index = -code;
    if (index >= 0 && index < RUNTIME.length) {
      return "CL_" + RUNTIME[index];
    }
    if (index >= FIRST_INVALID && index < FIRST_INVALID + INVALID.length) {
      return "CL_" + (index == 72 ? "" : "INVALID_") + INVALID[index - FIRST_INVALID];
    }
    return code == PLATFORM_NOT_FOUND ? "CL_PLATFORM_NOT_FOUND_KHR" : "unknown";
  }
}
