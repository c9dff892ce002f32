package io.kvarena.llm.model;

import io.kvarena.llm.gguf.GgufTensor;
import java.util.List;

/** Weights as f32, [inputs][outputs]. */
record F32Matrix(float[][] rows, int outputs) implements Matrix {

  static F32Matrix of(List<GgufTensor> stacked) {
    int inputs = (int) stacked.getFirst().rowValues();
    int outputs = Matrix.outputs(stacked);
    float[][] rows = new float[inputs][outputs];
    float[][] decoded = new float[TRANSPOSED_ROWS][inputs];
    int base = 0;
    for (GgufTensor tensor : stacked) {
      int tensorRows = (int) tensor.rows();
      for (int from = 0; from < tensorRows; from += TRANSPOSED_ROWS) {
        int count = Math.min(TRANSPOSED_ROWS, tensorRows - from);
        for (int r = 0; r < count; r++) {
          tensor.decodeRow(from + r, decoded[r]);
        }
        for (int i = 0; i < inputs; i++) {
          for (int r = 0; r < count; r++) {
            rows[i][base + from + r] = decoded[r][i];
          }
        }
      }
      base += tensorRows;
    }
    return new F32Matrix(rows, outputs);
  }

  @Override
  public int inputs() {
    return rows.length;
  }

  @Override
  public void multiplyAdd(float[] in, float[][] out, int tokens) {
    for (int from = 0; from < tokens; from += TOKENS_PER_PASS) {
      pass(in, out, from, Math.min(tokens, from + TOKENS_PER_PASS));
    }
  }

  private void pass(float[] in, float[][] out, int from, int to) {
    int inputs = rows.length;
    int i = 0;
    for (; i + 4 <= inputs; i += 4) {
      int t = from;
      for (; t + 4 <= to; t += 4) {
        int at = t * inputs + i;
        add4x4(out[t], out[t + 1], out[t + 2], out[t + 3], outputs, in, at, inputs, rows, i);
      }
      for (; t < to; t++) {
        add4(out[t], outputs, in, t * inputs + i, rows[i], rows[i + 1], rows[i + 2], rows[i + 3]);
      }
    }
    for (; i < inputs; i++) {
      for (int t = from; t < to; t++) {
        add1(out[t], outputs, in[t * inputs + i], rows[i]);
      }
    }
  }

  /** Four inputs of four tokens: each weight that is loaded serves four times. */
  private static void add4x4(
      float[] ya,
      float[] yb,
      float[] yc,
      float[] yd,
      int outputs,
      float[] in,
      int at,
      int stride,
      float[][] rows,
      int i) {
    float[] w0 = rows[i];
    float[] w1 = rows[i + 1];
    float[] w2 = rows[i + 2];
    float[] w3 = rows[i + 3];
    float a0 = in[at];
    float a1 = in[at + 1];
    float a2 = in[at + 2];
    float a3 = in[at + 3];
    int atB = at + stride;
    float b0 = in[atB];
    float b1 = in[atB + 1];
    float b2 = in[atB + 2];
    float b3 = in[atB + 3];
    int atC = atB + stride;
    float c0 = in[atC];
    float c1 = in[atC + 1];
    float c2 = in[atC + 2];
    float c3 = in[atC + 3];
    int atD = atC + stride;
    float d0 = in[atD];
    float d1 = in[atD + 1];
    float d2 = in[atD + 2];
    float d3 = in[atD + 3];
    for (int o = 0; o < outputs; o++) {
      float p = w0[o];
      float q = w1[o];
      float r = w2[o];
      float s = w3[o];
      float a = Math.fma(a3, s, Math.fma(a2, r, Math.fma(a1, q, Math.fma(a0, p, ya[o]))));
      float b = Math.fma(b3, s, Math.fma(b2, r, Math.fma(b1, q, Math.fma(b0, p, yb[o]))));
      float c = Math.fma(c3, s, Math.fma(c2, r, Math.fma(c1, q, Math.fma(c0, p, yc[o]))));
      float d = Math.fma(d3, s, Math.fma(d2, r, Math.fma(d1, q, Math.fma(d0, p, yd[o]))));
      ya[o] = a;
      yb[o] = b;
      yc[o] = c;
      yd[o] = d;
    }
  }

  private static void add4(
      float[] y, int outputs, float[] in, int at, float[] w0, float[] w1, float[] w2, float[] w3) {
    float x0 = in[at];
    float x1 = in[at + 1];
    float x2 = in[at + 2];
    float x3 = in[at + 3];
    for (int o = 0; o < outputs; o++) {
      y[o] =
          Math.fma(x3, w3[o], Math.fma(x2, w2[o], Math.fma(x1, w1[o], Math.fma(x0, w0[o], y[o]))));
    }
  }

  private static void add1(float[] y, int outputs, float x, float[] w) {
    for (int o = 0; o < outputs; o++) {
      y[o] = Math.fma(x, w[o], y[o]);
    }
  }
}
