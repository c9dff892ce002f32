package io.kvarena.llm.model;

import java.util.Arrays;

/**
 * The forward pass of a {@link FamilyModel} as the papers write it: double precision, whole
 * sequence at once, no cache, one loop a formula. Shares no code with the library.
 */
final class DoubleForward {
  private final FamilyModel model;

  DoubleForward(FamilyModel model) {
    this.model = model;
  }

  /** Logits of every token, [tokens][vocabulary]. */
  double[][] logits(int[] ids) {
    int n = ids.length;
    double[][] x = new double[n][];
    for (int t = 0; t < n; t++) {
      float[] embedding = tensor("token_embd.weight");
      int row = ids[t] * model.dim;
      x[t] = new double[model.dim];
      Arrays.setAll(x[t], i -> embedding[row + i]);
    }
    for (int layer = 0; layer < model.layers; layer++) {
      String block = "blk." + layer + ".";
      double[][] attended = attention(block, x);
      for (int t = 0; t < n; t++) {
        add(x[t], product(block + "attn_output.weight", attended[t]));
        add(x[t], feedForward(block, norm(x[t], block + "ffn_norm.weight")));
      }
    }
    String head = model.values.containsKey("output.weight") ? "output.weight" : "token_embd.weight";
    double[][] logits = new double[n][];
    for (int t = 0; t < n; t++) {
      logits[t] = product(head, norm(x[t], "output_norm.weight"));
    }
    return logits;
  }

  private double[][] attention(String block, double[][] x) {
    int n = x.length;
    int d = model.headDim;
    double[][] q = new double[n][];
    double[][] k = new double[n][];
    double[][] v = new double[n][];
    for (int t = 0; t < n; t++) {
      double[] h = norm(x[t], block + "attn_norm.weight");
      q[t] = biased(block + "attn_q", h);
      k[t] = biased(block + "attn_k", h);
      v[t] = biased(block + "attn_v", h);
      for (int head = 0; head < model.heads; head++) {
        normAndTurn(q[t], head, t, block + "attn_q_norm.weight");
      }
      for (int head = 0; head < model.kvHeads; head++) {
        normAndTurn(k[t], head, t, block + "attn_k_norm.weight");
      }
    }
    double[][] out = new double[n][model.heads * d];
    for (int t = 0; t < n; t++) {
      for (int head = 0; head < model.heads; head++) {
        int kv = head / (model.heads / model.kvHeads);
        int first = model.window == 0 ? 0 : Math.max(0, t - model.window + 1);
        double[] weights = new double[t + 1];
        double sum = 0;
        for (int s = first; s <= t; s++) {
          double dot = 0;
          for (int i = 0; i < d; i++) {
            dot += q[t][head * d + i] * k[s][kv * d + i];
          }
          weights[s] = Math.exp(dot / Math.sqrt(d));
          sum += weights[s];
        }
        for (int s = first; s <= t; s++) {
          for (int i = 0; i < d; i++) {
            out[t][head * d + i] += weights[s] / sum * v[s][kv * d + i];
          }
        }
      }
    }
    return out;
  }

  private void normAndTurn(double[] heads, int head, int position, String normName) {
    int d = model.headDim;
    double[] vector = Arrays.copyOfRange(heads, head * d, (head + 1) * d);
    if (model.values.containsKey(normName)) {
      vector = norm(vector, normName);
    }
    float[] divisors = model.values.get("rope_freqs.weight");
    boolean halves = model.family.architecture.startsWith("qwen");
    for (int pair = 0; pair < d / 2; pair++) {
      double frequency = Math.pow(model.theta, -2.0 * pair / d) / model.ropeFactor;
      double angle = position * (divisors == null ? frequency : frequency / divisors[pair]);
      int a = halves ? pair : 2 * pair;
      int b = halves ? pair + d / 2 : 2 * pair + 1;
      heads[head * d + a] = vector[a] * Math.cos(angle) - vector[b] * Math.sin(angle);
      heads[head * d + b] = vector[a] * Math.sin(angle) + vector[b] * Math.cos(angle);
    }
  }

  private double[] feedForward(String block, double[] h) {
    double[] gate = product(block + "ffn_gate.weight", h);
    double[] up = product(block + "ffn_up.weight", h);
    double[] hidden = new double[gate.length];
    Arrays.setAll(hidden, i -> gate[i] / (1 + Math.exp(-gate[i])) * up[i]);
    return product(block + "ffn_down.weight", hidden);
  }

  private double[] norm(double[] x, String weightName) {
    float[] weight = tensor(weightName);
    double square = Arrays.stream(x).map(value -> value * value).sum();
    double scale = 1 / Math.sqrt(square / x.length + model.epsilon);
    double[] out = new double[x.length];
    Arrays.setAll(out, i -> x[i] * scale * weight[i]);
    return out;
  }

  private double[] biased(String name, double[] x) {
    double[] y = product(name + ".weight", x);
    float[] bias = model.values.get(name + ".bias");
    for (int i = 0; bias != null && i < y.length; i++) {
      y[i] += bias[i];
    }
    return y;
  }

  private double[] product(String name, double[] x) {
    float[] weights = tensor(name);
    double[] y = new double[weights.length / x.length];
    for (int row = 0; row < y.length; row++) {
      for (int i = 0; i < x.length; i++) {
        y[row] += (double) weights[row * x.length + i] * x[i];
      }
    }
    return y;
  }

  private static void add(double[] x, double[] y) {
    for (int i = 0; i < x.length; i++) {
      x[i] += y[i];
    }
  }

  private float[] tensor(String name) {
    float[] values = model.values.get(name);
    if (values == null) {
      throw new IllegalArgumentException("no such tensor: name=" + name);
    }
    return values;
  }
}
