package io.kvarena.llm.model;

import io.kvarena.Rope;
import io.kvarena.Rope.Pairing;
import io.kvarena.RopeScaling;

/**
 * Cosines and sines of one rotary embedding at consecutive positions, [tokens][pairs]: worked out
 * once for all layers and heads.
 */
final class RotaryTable {
  private final Rope rope;
  private final double[] frequencies;
  private final float magnitude;
  private final float[] cosines;
  private final float[] sines;

  RotaryTable(Rope rope, int tokensMax) {
    this.rope = rope;
    this.frequencies = new double[rope.dims() / 2];
    for (int pair = 0; pair < frequencies.length; pair++) {
      frequencies[pair] = rope.frequency(pair);
    }
    this.magnitude = rope.scaling() instanceof RopeScaling.Yarn yarn ? (float) yarn.magnitude() : 1;
    this.cosines = new float[tokensMax * frequencies.length];
    this.sines = new float[tokensMax * frequencies.length];
  }

  Rope rope() {
    return rope;
  }

  /** Turns the table to the positions from {@code position} on. */
  void moveTo(int position, int tokens) {
    int pairs = frequencies.length;
    for (int t = 0; t < tokens; t++) {
      for (int pair = 0; pair < pairs; pair++) {
        double angle = (position + t) * frequencies[pair];
        cosines[t * pairs + pair] = magnitude * (float) Math.cos(angle);
        sines[t * pairs + pair] = magnitude * (float) Math.sin(angle);
      }
    }
  }

  /** Turns the vector at {@code vectors[at…]} to the position of token {@code t}. */
  void rotate(float[] vectors, int at, int t) {
    int pairs = frequencies.length;
    int step = rope.pairing() == Pairing.INTERLEAVED ? 2 : 1;
    int partner = rope.pairing() == Pairing.INTERLEAVED ? 1 : pairs;
    for (int pair = 0; pair < pairs; pair++) {
      float cosine = cosines[t * pairs + pair];
      float sine = sines[t * pairs + pair];
      int first = at + step * pair;
      int second = first + partner;
      float x = vectors[first];
      float y = vectors[second];
      vectors[first] = x * cosine - y * sine;
      vectors[second] = x * sine + y * cosine;
    }
  }
}
