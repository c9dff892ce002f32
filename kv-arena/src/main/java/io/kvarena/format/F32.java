package io.kvarena.format;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/** Plain floats: keys f32 [channel][token], values f32 [token][channel]. */
final class F32 implements RawFormat {

  @Override
  public String name() {
    return "f32";
  }

  @Override
  public int code() {
    return 0;
  }

  @Override
  public long tileBytes(TileKind kind, int tokens, int channels) {
    return Tiles.roundUp(4L * tokens * channels, Tiles.ALIGNMENT);
  }

  @Override
  public void encode(
      TileKind kind, float[] rows, int tokens, int channels, MemorySegment page, long offset) {
    for (int token = 0; token < tokens; token++) {
      for (int channel = 0; channel < channels; channel++) {
        page.set(
            JAVA_FLOAT_UNALIGNED,
            offset + 4L * Tiles.plainIndex(kind, token, channel, tokens, channels),
            rows[token * channels + channel]);
      }
    }
  }

  @Override
  public void decode(
      TileKind kind, MemorySegment page, long offset, int tokens, int channels, float[] rows) {
    if (kind == TileKind.VALUES) {
      MemorySegment.copy(page, JAVA_FLOAT_UNALIGNED, offset, rows, 0, tokens * channels);
      return;
    }
    for (int channel = 0; channel < channels; channel++) {
      for (int token = 0; token < tokens; token++) {
        rows[token * channels + channel] =
            page.get(JAVA_FLOAT_UNALIGNED, offset + 4L * (channel * tokens + token));
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
          JAVA_FLOAT_UNALIGNED,
          offset + 4L * Tiles.plainIndex(kind, token, channel, tokens, channels),
          rows[from + channel]);
    }
  }

  @Override
  public void errorBounds(TileKind kind, float[] rows, int tokens, int channels, float[] bounds) {
    Arrays.fill(bounds, 0, tokens * channels, 0);
  }

  @Override
  public float magnitudeMax() {
    return Float.MAX_VALUE;
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
