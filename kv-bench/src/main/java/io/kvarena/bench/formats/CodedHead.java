package io.kvarena.bench.formats;

import io.kvarena.format.PageFormat;
import io.kvarena.format.TileKind;
import io.kvarena.transform.TransformInstance;
import io.kvarena.transform.TransformSpec;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * A head's keys and values after they were encoded page by page as the store does it, and attention
 * over them in double precision: what is lost is lost to the format, not to a kernel.
 *
 * <p>All pages are encoded, the newest too, which the store would keep raw.
 */
final class CodedHead {

  private final ExactHead exact;
  private final HeadTensors head;
  private final TransformInstance keyTransform;
  private final TransformInstance valueTransform;

  /** Tokens before it are raw, without a transform. */
  private final int pinned;

  /** Decoded, not transformed back, [tokens][channels]. */
  private final float[] keys;

  private final float[] values;

  CodedHead(Recipe recipe, ExactHead exact) {
    this.exact = exact;
    head = exact.tensors();
    pinned = Math.min(head.tokens(), recipe.pinnedTokens());
    valueTransform = recipe.valueTransform().instance(head.layer(), head.head(), head.channels());
    keyTransform = keyTransform(recipe, head, pinned);
    keys = code(TileKind.KEYS, recipe, recipe.keys(), head.keys(), keyTransform);
    values = code(TileKind.VALUES, recipe, recipe.values(), head.values(), valueTransform);
  }

  /** From the calibration, or from the first page that is encoded. */
  private static TransformInstance keyTransform(Recipe recipe, HeadTensors head, int pinned) {
    TransformSpec spec = recipe.keyTransform(head.calibration());
    int channels = head.channels();
    if (!spec.isByContent()) {
      return spec.instance(head.layer(), head.head(), channels);
    }
    int tokens = Math.min(recipe.pageTokens(), head.tokens() - pinned);
    long counted = tokens <= 0 ? 0 : -1L >>> (64 - tokens);
    if (pinned == 0) {
      counted &= -1L << TransformSpec.SINKS;
    }
    int from = pinned * channels;
    float[] page = Arrays.copyOfRange(head.keys(), from, from + Math.max(0, tokens) * channels);
    return spec.instance(page, counted, channels);
  }

  private float[] code(
      TileKind kind, Recipe recipe, PageFormat format, float[] rows, TransformInstance transform) {
    int channels = head.channels();
    int tokens = recipe.pageTokens();
    float[] decoded = new float[rows.length];
    for (int first = 0; first < head.tokens(); first += tokens) {
      boolean raw = first < pinned;
      PageFormat used = raw ? format.raw() : format;
      int count = Math.min(tokens, head.tokens() - first);
      float[] page = new float[tokens * channels];
      System.arraycopy(rows, first * channels, page, 0, count * channels);
      for (int token = 0; !raw && token < count; token++) {
        transform.encode(page, token * channels, used.magnitudeMax());
      }
      MemorySegment tile =
          MemorySegment.ofArray(new byte[(int) used.tileBytes(kind, tokens, channels)]);
      used.encode(kind, page, tokens, channels, tile, 0);
      used.decode(kind, tile, 0, tokens, channels, page);
      System.arraycopy(page, 0, decoded, first * channels, count * channels);
    }
    return decoded;
  }

  /** What was lost. */
  Distortion distortion() {
    int channels = head.channels();
    double worst = 0;
    double divergence = 0;
    double error = 0;
    double length = 0;
    int queries = head.visible().length;
    for (int query = 0; query < queries; query++) {
      int tokens = head.visible()[query];
      double[] exactLogits = exact.logits()[query];
      double[] codedLogits = logits(query, tokens);
      double largest = 1;
      for (double logit : exactLogits) {
        largest = Math.max(largest, Math.abs(logit));
      }
      for (int i = 0; i < tokens; i++) {
        worst = Math.max(worst, Math.abs(exactLogits[i] - codedLogits[i]) / largest);
      }
      double[] weights = exact.logWeights()[query];
      double[] coded = ExactHead.logSoftmax(codedLogits);
      for (int i = 0; i < tokens; i++) {
        divergence += Math.exp(weights[i]) * (weights[i] - coded[i]) / queries;
      }
      double[] exactOut = exact.outputs()[query];
      double[] out = output(coded, tokens);
      for (int i = 0; i < channels; i++) {
        error += (out[i] - exactOut[i]) * (out[i] - exactOut[i]);
        length += exactOut[i] * exactOut[i];
      }
    }
    return new Distortion(
        mse(head.keys(), keys, keyTransform),
        mse(head.values(), values, valueTransform),
        worst,
        Math.sqrt(error / length),
        divergence);
  }

  /** The logits as a kernel takes them: a transformed query against what pages hold. */
  private double[] logits(int query, int tokens) {
    int channels = head.channels();
    float[] row = Arrays.copyOfRange(head.queries(), query * channels, query * channels + channels);
    double bias = keyTransform.bias(row, 0);
    keyTransform.query(row, 0);
    double[] logits = new double[tokens];
    for (int i = 0; i < tokens; i++) {
      double product =
          i < pinned ? head.dot(head.queries(), query, keys, i) : head.dot(row, 0, keys, i) + bias;
      logits[i] = head.scale() * product;
    }
    return logits;
  }

  private double[] output(double[] logWeights, int tokens) {
    double[] out = head.sum(logWeights, values, 0, Math.min(pinned, tokens));
    double[] turned = head.sum(logWeights, values, Math.min(pinned, tokens), tokens);
    float[] back = new float[turned.length];
    for (int i = 0; i < back.length; i++) {
      back[i] = (float) turned[i];
    }
    valueTransform.back(back, 0);
    for (int i = 0; i < out.length; i++) {
      out[i] += valueTransform.sign(0) == 0 ? turned[i] : back[i];
    }
    return out;
  }

  /** Mean squared error over variance, in the space of what came in. */
  private double mse(float[] rows, float[] coded, TransformInstance transform) {
    int channels = head.channels();
    double mean = 0;
    for (float value : rows) {
      mean += value / (double) rows.length;
    }
    double errors = 0;
    double squares = 0;
    float[] row = new float[channels];
    for (int from = 0; from < rows.length; from += channels) {
      System.arraycopy(coded, from, row, 0, channels);
      if (from >= pinned * channels) {
        transform.back(row, 0);
      }
      for (int i = 0; i < channels; i++) {
        double value = row[i];
        if (from >= pinned * channels) {
          value = value / transform.weight(i) + transform.mean(i);
        }
        double error = rows[from + i] - value;
        errors += error * error;
        squares += (rows[from + i] - mean) * (rows[from + i] - mean);
      }
    }
    return errors / squares;
  }
}
