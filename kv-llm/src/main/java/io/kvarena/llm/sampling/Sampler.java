package io.kvarena.llm.sampling;

/** Chooses the next token. */
@FunctionalInterface
public interface Sampler {
  /** The likeliest token; the lowest id among equals. */
  Sampler GREEDY = Sampler::likeliest;

  /** The token chosen from {@code logits}, [vocabulary], which are left as they are. */
  int next(float[] logits);

  private static int likeliest(float[] logits) {
    int best = 0;
    for (int id = 1; id < logits.length; id++) {
      if (logits[id] > logits[best]) {
        best = id;
      }
    }
    return best;
  }
}
