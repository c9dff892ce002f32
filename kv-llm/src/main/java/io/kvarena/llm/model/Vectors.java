package io.kvarena.llm.model;

/** The element-wise steps between the matrices. */
final class Vectors {
  private Vectors() {}

  /**
   * RMSNorm: out = x / √(mean(x²) + epsilon) · weight. The sum is taken in double precision, since
   * every later value hangs on it.
   */
  static void rmsNorm(
      float[] x, int from, float[] weight, int length, float epsilon, float[] out, int at) {
    double sum = 0;
    for (int i = 0; i < length; i++) {
      sum += (double) x[from + i] * x[from + i];
    }
    float scale = (float) (1 / Math.sqrt(sum / length + epsilon));
    for (int i = 0; i < length; i++) {
      out[at + i] = x[from + i] * scale * weight[i];
    }
  }

  /** SwiGLU: out = silu(gate) · up, where {@code gateUp} holds both, [2 · length]. */
  static void swiGlu(float[] gateUp, int length, float[] out, int at) {
    for (int i = 0; i < length; i++) {
      float gate = gateUp[i];
      out[at + i] = (float) (gate / (1 + Math.exp(-gate))) * gateUp[length + i];
    }
  }
}
