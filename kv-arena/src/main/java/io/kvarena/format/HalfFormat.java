package io.kvarena.format;

import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;

/** A 16-bit float format: keys 16 bit [channel][token], values 16 bit [token][channel]. */
abstract class HalfFormat implements RawFormat {

  abstract short toBits(float value);

  abstract float fromBits(short bits);

  /** Largest rounding of a value of this magnitude. */
  abstract float errorBound(float magnitude);

  @Override
  public long tileBytes(TileKind kind, int tokens, int channels) {
    return Tiles.roundUp(2L * tokens * channels, Tiles.ALIGNMENT);
  }

  @Override
  public void encode(
      TileKind kind, float[] rows, int tokens, int channels, MemorySegment page, long offset) {
    for (int token = 0; token < tokens; token++) {
      for (int channel = 0; channel < channels; channel++) {
        page.set(
            JAVA_SHORT_UNALIGNED,
            offset + 2L * Tiles.plainIndex(kind, token, channel, tokens, channels),
            toBits(rows[token * channels + channel]));
      }
    }
  }

  @Override
  public void decode(
      TileKind kind, MemorySegment page, long offset, int tokens, int channels, float[] rows) {
    for (int token = 0; token < tokens; token++) {
      for (int channel = 0; channel < channels; channel++) {
        rows[token * channels + channel] =
            fromBits(
                page.get(
                    JAVA_SHORT_UNALIGNED,
                    offset + 2L * Tiles.plainIndex(kind, token, channel, tokens, channels)));
      }
    }
  }

  @Override
  public void putRow(
      TileKind kind,
      float[] rows,
      int from,
      int token,
      int tokens,
      int channels,
      MemorySegment page,
      long offset) {
    for (int channel = 0; channel < channels; channel++) {
      page.set(
          JAVA_SHORT_UNALIGNED,
          offset + 2L * Tiles.plainIndex(kind, token, channel, tokens, channels),
          toBits(rows[from + channel]));
    }
  }

  @Override
  public void errorBounds(TileKind kind, float[] rows, int tokens, int channels, float[] bounds) {
    for (int i = 0; i < tokens * channels; i++) {
      bounds[i] = errorBound(Math.abs(rows[i]));
    }
  }

  @Override
  public RawFormat raw() {
    return this;
  }

  @Override
  public String toString() {
    return name();
  }
}
