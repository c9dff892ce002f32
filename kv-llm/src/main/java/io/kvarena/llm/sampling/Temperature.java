package io.kvarena.llm.sampling;

import java.util.Arrays;
import java.util.random.RandomGenerator;

/**
 * Sampling from softmax(logits / temperature), of the {@code topK} likeliest tokens and of the
 * fewest whose probabilities reach {@code topP}. Equal seeds of equal generators give equal tokens.
 *
 * <p>Source of topP: Holtzman et al., The Curious Case of Neural Text Degeneration, arXiv
 * 1904.09751.
 */
public final class Temperature implements Sampler {
  private final double temperature;
  private final int topK;
  private final double topP;
  private final RandomGenerator random;

  /**
   * A sampler.
   *
   * @param temperature above 0: low is bold, 1 is the model's own distribution
   * @param topK how many of the likeliest tokens are candidates; 0 for all
   * @param topP share of probability that the candidates must reach, in (0, 1]; 1 for all
   * @param random drawn once for each token
   */
  public Temperature(double temperature, int topK, double topP, RandomGenerator random) {
    if (!(temperature > 0) || !Double.isFinite(temperature)) {
      throw new IllegalArgumentException(
          "temperature must be positive: temperature="
              + temperature
              + "; use Sampler.GREEDY for the likeliest token");
    }
    if (topK < 0 || !(topP > 0 && topP <= 1)) {
      throw new IllegalArgumentException(
          "topK is at least 0 and topP in (0, 1]: topK="
              + topK
              + ", topP="
              + topP
              + "; use 0 and 1 for every token");
    }
    this.temperature = temperature;
    this.topK = topK;
    this.topP = topP;
    this.random = random;
  }

  @Override
  public int next(float[] logits) {
    return topK == 0 && topP == 1 ? drawAll(logits) : drawSome(logits);
  }

  private int drawAll(float[] logits) {
    double max = max(logits);
    double sum = 0;
    for (float logit : logits) {
      sum += Math.exp((logit - max) / temperature);
    }
    double left = random.nextDouble() * sum;
    int chosen = 0;
    for (int id = 0; id < logits.length; id++) {
      double weight = Math.exp((logits[id] - max) / temperature);
      if (weight > 0) {
        chosen = id;
        left -= weight;
        if (left < 0) {
          return id;
        }
      }
    }
    // rounding may leave a crumb after the last weight
    return chosen;
  }

  private int drawSome(float[] logits) {
    Candidate[] candidates = new Candidate[logits.length];
    double max = max(logits);
    for (int id = 0; id < logits.length; id++) {
      candidates[id] = new Candidate(id, Math.exp((logits[id] - max) / temperature));
    }
    Arrays.sort(candidates);
    int count = topK == 0 ? candidates.length : Math.min(topK, candidates.length);
    double sum = 0;
    for (int i = 0; i < count; i++) {
      sum += candidates[i].weight;
    }
    double reached = 0;
    int kept = 0;
    while (kept < count && reached < topP * sum) {
      reached += candidates[kept++].weight;
    }
    double left = random.nextDouble() * reached;
    for (int i = 0; i < kept; i++) {
      left -= candidates[i].weight;
      if (left < 0) {
        return candidates[i].id;
      }
    }
    return candidates[Math.max(0, kept - 1)].id;
  }

  private static double max(float[] logits) {
    float max = Float.NEGATIVE_INFINITY;
    for (float logit : logits) {
      max = Math.max(max, logit);
    }
    return max;
  }

  /** Likeliest first, lowest id among equals. */
  private record Candidate(int id, double weight) implements Comparable<Candidate> {
    @Override
    public int compareTo(Candidate other) {
      int byWeight = Double.compare(other.weight, weight);
      return byWeight != 0 ? byWeight : Integer.compare(id, other.id);
    }
  }
}
