package io.kvarena.llm.model;

import io.kvarena.llm.gguf.GgufTensor;
import io.kvarena.llm.gguf.TensorType;
import java.util.List;

/**
 * Weights as signed 8-bit codes, [inputs][outputs], with an f32 scale for each output and group of
 * inputs, [inputs / 32][outputs]: weight = scale·code. Q8_0 as it is, Q4_0 with its codes widened.
 */
record Q8Matrix(byte[][] codes, float[][] scales, int outputs) implements Matrix {
  private static final int GROUP = 32;

  static Q8Matrix of(List<GgufTensor> stacked) {
    int inputs = (int) stacked.getFirst().rowValues();
    int outputs = Matrix.outputs(stacked);
    byte[][] codes = new byte[inputs][outputs];
    float[][] scales = new float[inputs / GROUP][outputs];
    byte[][] decoded = new byte[TRANSPOSED_ROWS][inputs];
    int base = 0;
    for (GgufTensor tensor : stacked) {
      int tensorRows = (int) tensor.rows();
      TensorType type = tensor.type();
      for (int from = 0; from < tensorRows; from += TRANSPOSED_ROWS) {
        int count = Math.min(TRANSPOSED_ROWS, tensorRows - from);
        for (int r = 0; r < count; r++) {
          var row = tensor.row(from + r);
          for (int group = 0; group < scales.length; group++) {
            scales[group][base + from + r] =
                type.decodeBlock(row, group, decoded[r], group * GROUP);
          }
        }
        for (int i = 0; i < inputs; i++) {
          for (int r = 0; r < count; r++) {
            codes[i][base + from + r] = decoded[r][i];
          }
        }
      }
      base += tensorRows;
    }
    return new Q8Matrix(codes, scales, outputs);
  }

  @Override
  public int inputs() {
    return codes.length;
  }

  @Override
  public void multiplyAdd(float[] in, float[][] out, int tokens) {
    for (int from = 0; from < tokens; from += TOKENS_PER_PASS) {
      pass(in, out, from, Math.min(tokens, from + TOKENS_PER_PASS));
    }
  }

  private void pass(float[] in, float[][] out, int from, int to) {
    int inputs = codes.length;
    // whole groups of 32, so there is no remainder; one token at a time, because the JIT compiler
    // no longer makes vectors of a loop that widens bytes for four
    for (int i = 0; i < inputs; i += 4) {
      float[] scale = scales[i / GROUP];
      for (int t = from; t < to; t++) {
        int at = t * inputs + i;
        add4(out[t], outputs, in, at, codes[i], codes[i + 1], codes[i + 2], codes[i + 3], scale);
      }
    }
  }

  private static void add4(
      float[] y,
      int outputs,
      float[] in,
      int at,
      byte[] w0,
      byte[] w1,
      byte[] w2,
      byte[] w3,
      float[] scale) {
    float x0 = in[at];
    float x1 = in[at + 1];
    float x2 = in[at + 2];
    float x3 = in[at + 3];
    for (int o = 0; o < outputs; o++) {
      float sum = Math.fma(x3, w3[o], Math.fma(x2, w2[o], Math.fma(x1, w1[o], x0 * w0[o])));
      y[o] = Math.fma(scale[o], sum, y[o]);
    }
  }
}
