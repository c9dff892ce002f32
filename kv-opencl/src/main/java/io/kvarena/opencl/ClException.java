package io.kvarena.opencl;

/** An OpenCL call that failed: which, with what code and, where a program did not compile, why. */
public final class ClException extends RuntimeException {

  private static final long serialVersionUID = 1;

  private final String call;
  private final int code;
  private final String buildLog;

  ClException(String call, int code, String wayOut) {
    this(call, code, wayOut, "");
  }

  ClException(String call, int code, String wayOut, String buildLog) {
    super(
        "OpenCL call failed: call="
            + call
            + ", code="
            + code
            + " ("
            + ClErrors.name(code)
            + "); "
            + wayOut
            + (buildLog.isEmpty() ? "" : "\n" + buildLog));
    this.call = call;
    this.code = code;
    this.buildLog = buildLog;
  }

  /** The function that failed, such as {@code clBuildProgram}. */
  public String call() {
    return call;
  }

  /** The code that it returned. */
  public int code() {
    return code;
  }

  /** The name of the code, such as {@code CL_BUILD_PROGRAM_FAILURE}. */
  public String codeName() {
    return ClErrors.name(code);
  }

  /** What the compiler said, or an empty string. */
  public String buildLog() {
    return buildLog;
  }
}
