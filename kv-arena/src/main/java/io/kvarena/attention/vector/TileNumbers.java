package io.kvarena.attention.vector;

import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import io.kvarena.attention.RawTile;
import io.kvarena.format.TileKind;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * A tile while it is encoded, f32 [element][stride], as it will lie: of keys an element is a
 * channel and a lane a token, of values the other way round. Behind the last lane each element is
 * padded to full vectors, and behind the last element there is room for what shares a word of codes
 * with it.
 */
final class TileNumbers {

  /** The slots of a granule, or as many as there are lanes. */
  private static final VectorSpecies<Float> SLOTS =
      Lanes.COUNT > RawTile.GRANULE ? FloatVector.SPECIES_256 : Lanes.FLOATS;

  /** The most elements that share a word of codes. */
  private static final int TOGETHER = 32;

  float[] of = {};

  /** The codes of the numbers, laid out like them, once something has made them. */
  int[] codes = {};

  int elements;
  int lanes;
  int stride;

  private float[] granule = {};

  /** Makes room; what is in it is not said. */
  void start(int elements, int lanes) {
    this.elements = elements;
    this.lanes = lanes;
    stride = Lanes.roundUp(lanes, Lanes.COUNT);
    int floats = Lanes.roundUp(elements, TOGETHER) * stride;
    if (of.length < floats) {
      of = new float[floats];
      codes = new int[floats];
    }
  }

  /** Decodes raw f16 rows; those that do not live, and the padding of lanes, are 0. */
  void load(RawTile raw) {
    boolean keys = raw.kind() == TileKind.KEYS;
    int channels = raw.channels();
    start(keys ? channels : raw.tokens(), keys ? raw.tokens() : channels);
    int count = RawTile.GRANULE * channels;
    if (granule.length < count) {
      granule = new float[count];
    }
    for (int index = 0; index < raw.tokens() / RawTile.GRANULE; index++) {
      boolean inPlace = !keys && stride == channels;
      float[] to = inPlace ? of : granule;
      int at = inPlace ? index * count : 0;
      if (raw.has(index)) {
        decode(raw.slab(index), raw.offset(index), count, to, at);
      } else {
        Arrays.fill(to, at, at + count, 0);
      }
      if (keys) {
        placeKeys(granule, channels, of, stride, RawTile.GRANULE * index);
      } else if (!inPlace) {
        placeValues(channels, RawTile.GRANULE * index);
      }
    }
    for (int element = 0; stride != lanes && element < elements; element++) {
      Arrays.fill(of, element * stride + lanes, (element + 1) * stride, 0);
    }
    clearDead(raw);
  }

  private static void decode(MemorySegment from, long at, int count, float[] to, int start) {
    int whole = count - count % Lanes.COUNT;
    for (int i = 0; i < whole; i += Lanes.COUNT) {
      Lanes.halves(from, at + 2L * i).mul(Lanes.HALF_SCALE).intoArray(to, start + i);
    }
    for (int i = whole; i < count; i++) {
      to[start + i] = Float.float16ToFloat(from.get(JAVA_SHORT_UNALIGNED, at + 2L * i));
    }
  }

  private static void placeKeys(float[] granule, int channels, float[] to, int stride, int token) {
    for (int channel = 0; channel < channels; channel++) {
      for (int slot = 0; slot < RawTile.GRANULE; slot += SLOTS.length()) {
        FloatVector.fromArray(SLOTS, granule, RawTile.GRANULE * channel + slot)
            .intoArray(to, channel * stride + token + slot);
      }
    }
  }

  private void placeValues(int channels, int token) {
    for (int slot = 0; slot < RawTile.GRANULE; slot++) {
      System.arraycopy(granule, slot * channels, of, (token + slot) * stride, channels);
    }
  }

  /** Makes the rows 0 that do not live. */
  void clearDead(RawTile raw) {
    long dead = ~raw.live() & (-1L >>> (64 - raw.tokens()));
    for (; dead != 0; dead &= dead - 1) {
      int token = Long.numberOfTrailingZeros(dead);
      if (raw.kind() == TileKind.VALUES) {
        Arrays.fill(of, token * stride, (token + 1) * stride, 0);
      } else {
        for (int channel = 0; channel < elements; channel++) {
          of[channel * stride + token] = 0;
        }
      }
    }
  }

  /** Pads each element with its last number, for what looks at all of a vector. */
  void repeatLast() {
    for (int element = 0; stride != lanes && element < elements; element++) {
      int end = element * stride + lanes;
      Arrays.fill(of, end, (element + 1) * stride, of[end - 1]);
    }
  }
}
