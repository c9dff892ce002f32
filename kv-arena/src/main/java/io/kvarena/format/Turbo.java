package io.kvarena.format;

import java.util.Arrays;

/**
 * turbo4, turbo3 and turbo2: the levels of a Lloyd-Max quantiser for the normal distribution, with
 * one scale for all channels of a token. Made for rows that a Hadamard transform has rotated, whose
 * channels are then nearly normal; together the two are TurboQuant.
 *
 * <p>The levels are integers, L steps of a unit u apart, so that kernels can multiply bytes. With s
 * = rms(x) · u the code is the nearest level of x · (1 / s), a tie going up. The scale is then
 * fitted to the levels taken: keys |x| / |L|, which keeps their length and so the spread of the
 * logits; values ⟨x, L⟩ / ⟨L, L⟩, the least squared error. A row of zeros has scale 0 and codes 0.
 *
 * <p>All arithmetic is f32, each product rounded before it is added; sums as {@link Sums} orders
 * them.
 *
 * <p>Source: Zandieh et al., TurboQuant: Online Vector Quantization with Near-optimal Distortion
 * Rate, arXiv 2504.19874; the scale of keys and of values is ours.
 */
final class Turbo extends TokenScaled {

  private static final int LEVEL_MAX = 127;

  private final String name;
  private final int code;

  /** Levels, ascending with the code. */
  private final int[] levels;

  /** Half way between a level and the next. */
  private final float[] midpoints;

  /** Standard deviations that a level of 1 stands for. */
  private final float unit;

  private Turbo(int bits, int code, float largest, int... positive) {
    super(bits);
    name = "turbo" + bits;
    this.code = code;
    unit = largest / LEVEL_MAX;
    int half = positive.length;
    levels = new int[2 * half];
    for (int i = 0; i < half; i++) {
      levels[half + i] = positive[i];
      levels[half - 1 - i] = -positive[i];
    }
    midpoints = new float[levels.length - 1];
    for (int i = 0; i < midpoints.length; i++) {
      midpoints[i] = (levels[i] + levels[i + 1]) / 2f;
    }
  }

  static Turbo bits4() {
    return new Turbo(4, 7, 2.7320f, 6, 18, 31, 44, 58, 75, 96, 127);
  }

  static Turbo bits3() {
    return new Turbo(3, 8, 2.1518f, 14, 45, 79, 127);
  }

  static Turbo bits2() {
    return new Turbo(2, 9, 1.5103f, 38, 127);
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public int code() {
    return code;
  }

  @Override
  float quantise(TileKind kind, float[] rows, int from, int channels, int[] codes) {
    Sums squares = new Sums();
    for (int i = 0; i < channels; i++) {
      squares.add(rows[from + i] * rows[from + i]);
    }
    float sum = squares.total();
    float step = (float) Math.sqrt(sum / channels) * unit;
    if (step == 0) {
      Arrays.fill(codes, 0);
      return 0;
    }
    float inverse = 1 / step;
    Sums products = new Sums();
    Sums levelSquares = new Sums();
    for (int i = 0; i < channels; i++) {
      codes[i] = nearest(rows[from + i] * inverse);
      float level = levels[codes[i]];
      products.add(rows[from + i] * level);
      levelSquares.add(level * level);
    }
    return kind == TileKind.KEYS
        ? (float) Math.sqrt(sum) / (float) Math.sqrt(levelSquares.total())
        : products.total() / levelSquares.total();
  }

  private int nearest(float value) {
    int index = 0;
    while (index < midpoints.length && value >= midpoints[index]) {
      index++;
    }
    return index;
  }

  @Override
  float level(int code) {
    return levels[code];
  }

  @Override
  public void errorBounds(TileKind kind, float[] rows, int tokens, int channels, float[] bounds) {
    for (int token = 0; token < tokens; token++) {
      rowBounds(rows, token * channels, channels, bounds);
    }
  }

  /*
   * With s = rms(x) u and levels L, let e = x - s L, which the nearest level makes as small as it
   * can be. The scale a that is stored in place of s obeys, for keys by the triangle inequality and
   * for values by Cauchy and Schwarz, |a - s| <= |e| / |L|. So
   *    |x_i - a L_i| <= e_i + |a - s| |L_i| <= e_i + (|x_i| + e_i) |e| / (s |L|).
   * Rounding a to f16 adds |L_i| times 2^-11 a or, where a is subnormal or becomes 0, 2^-25; there
   * the f32 squares may have underflowed as well. f32 sums are off by less than 1e-5 of themselves,
   * which moves s, and with it the level of values near a midpoint.
   */
  private void rowBounds(float[] rows, int from, int channels, float[] bounds) {
    double squares = 0;
    for (int i = from; i < from + channels; i++) {
      squares += (double) rows[i] * rows[i];
    }
    double step = Math.sqrt(squares / channels) * unit;
    double errors = 0;
    double levelSquares = 0;
    for (int i = from; i < from + channels; i++) {
      double level = step == 0 ? 0 : nearestLevel(rows[i] / step);
      double error = Math.abs(rows[i] - step * level);
      bounds[i] = (float) error;
      errors += error * error;
      levelSquares += level * level;
    }
    double relative = step == 0 ? 0 : Math.sqrt(errors / levelSquares) / step;
    for (int i = from; i < from + channels; i++) {
      double stored = Math.abs(rows[i]) + bounds[i];
      double bound = bounds[i] + stored * relative + stored * (1 + relative) * 0x1p-11;
      bounds[i] = (float) (bound * 1.0001 + stored * 1e-5 + LEVEL_MAX * 0x1p-25);
    }
  }

  private double nearestLevel(double value) {
    double nearest = levels[0];
    for (int level : levels) {
      nearest = Math.abs(value - level) <= Math.abs(value - nearest) ? level : nearest;
    }
    return nearest;
  }
}
