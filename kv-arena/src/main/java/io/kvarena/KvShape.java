package io.kvarena;

import java.util.Collections;
import java.util.List;

/** The attention geometry of a model, layer by layer. */
public record KvShape(List<LayerShape> layers) {

  public KvShape {
    layers = List.copyOf(layers);
    if (layers.isEmpty()) {
      throw new IllegalArgumentException(
          "a model has at least one layer: layers=0; list one LayerShape per attention layer");
    }
  }

  /** {@code count} layers of one shape. */
  public static KvShape uniform(int count, LayerShape layer) {
    return new KvShape(Collections.nCopies(count, layer));
  }

  /** How many layers there are. */
  public int layerCount() {
    return layers.size();
  }

  /** The shape of layer {@code index}. */
  public LayerShape layer(int index) {
    return layers.get(index);
  }

  /** Bytes that one token's keys and values take as plain f16, the yardstick of every report. */
  public long bytesPerTokenF16() {
    return layers.stream().mapToLong(layer -> 2L * layer.channelsPerToken()).sum();
  }
}
