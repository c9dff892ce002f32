package io.kvarena.opencl;

import static org.lwjgl.opencl.CL10.CL_SUCCESS;

/** Return codes turned into exceptions. */
final class Cl {

  static final String FALL_BACK = "run kv doctor, or use another kernel: -Dkvarena.kernel=scalar";

  private Cl() {}

  static void check(int code, String call) {
    if (code != CL_SUCCESS) {
      throw new ClException(call, code, FALL_BACK);
    }
  }
}
