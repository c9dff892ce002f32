package io.kvarena.format;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;

/**
 * Conversion between tiles and ggml's block order, code for code: nothing is decoded or rounded.
 *
 * <p>ggml keeps a token's channels in blocks of 32, row after row:
 *
 * <pre>
 * q8_0   34 bytes   f16 scale | i8 [32]
 * q4_0   18 bytes   f16 scale | u8 [16]: byte i holds channel i low, channel i + 16 high
 * f32, f16, bf16    plain rows
 * </pre>
 */
public final class GgmlBlocks {

  private GgmlBlocks() {}

  /** Bytes of one token's row of {@code channels}, a multiple of 32 for quantised formats. */
  public static long rowBytes(PageFormat format, int channels) {
    if (format instanceof RawFormat) {
      return (long) bytesPerValue(format) * channels;
    }
    if (channels % Tiles.GROUP != 0) {
      throw new IllegalArgumentException(
          "ggml's blocks hold 32 channels: channels="
              + channels
              + ", format="
              + format.name()
              + "; decode and convert the rows as f32 instead");
    }
    return (long) channels / Tiles.GROUP * blockBytes(format);
  }

  private static int bytesPerValue(PageFormat format) {
    return format instanceof F32 ? 4 : 2;
  }

  private static int blockBytes(PageFormat format) {
    return switch (format) {
      case Q8 q8 -> 2 + Tiles.GROUP;
      case Q4 q4 -> 2 + Tiles.GROUP / 2;
      default ->
          throw new IllegalArgumentException(
              "ggml has no such block: format=" + format.name() + "; use f32 f16 bf16 q8_0 q4_0");
    };
  }

  /** Writes the tile at {@code offset} as ggml rows [tokens][channels] to {@code out}. */
  public static void export(
      PageFormat format,
      TileKind kind,
      MemorySegment page,
      long offset,
      int tokens,
      int channels,
      MemorySegment out,
      long outOffset) {
    long rowBytes = rowBytes(format, channels);
    for (int token = 0; token < tokens; token++) {
      long row = outOffset + token * rowBytes;
      for (int channel = 0; channel < channels; channel++) {
        switch (format) {
          case Q8 q8 ->
              out.set(
                  JAVA_BYTE,
                  row + channel / Tiles.GROUP * 34L + 2 + channel % Tiles.GROUP,
                  page.get(
                      JAVA_BYTE, offset + Q8.codeIndex(kind, token, channel, tokens, channels)));
          case Q4 q4 ->
              putNibble(
                  out,
                  row + nibbleByte(channel),
                  channel % Tiles.GROUP / 16 * 4,
                  nibble(
                      page,
                      offset + Q4.byteIndex(kind, token, channel, tokens, channels),
                      Q4.shift(kind, token, channel)));
          default ->
              copyValue(
                  format,
                  page,
                  offset,
                  Tiles.plainIndex(kind, token, channel, tokens, channels),
                  out,
                  row,
                  channel);
        }
      }
      if (!(format instanceof RawFormat)) {
        for (int group = 0; group < channels / Tiles.GROUP; group++) {
          out.set(
              JAVA_SHORT_UNALIGNED,
              row + (long) group * blockBytes(format),
              page.get(
                  JAVA_SHORT_UNALIGNED, scale(format, offset, group, token, tokens, channels)));
        }
      }
    }
  }

  /** Writes ggml rows [tokens][channels] at {@code inOffset} into the tile at {@code offset}. */
  public static void importRows(
      PageFormat format,
      TileKind kind,
      MemorySegment in,
      long inOffset,
      int tokens,
      int channels,
      MemorySegment page,
      long offset) {
    long rowBytes = rowBytes(format, channels);
    for (int token = 0; token < tokens; token++) {
      long row = inOffset + token * rowBytes;
      for (int channel = 0; channel < channels; channel++) {
        switch (format) {
          case Q8 q8 ->
              page.set(
                  JAVA_BYTE,
                  offset + Q8.codeIndex(kind, token, channel, tokens, channels),
                  in.get(JAVA_BYTE, row + channel / Tiles.GROUP * 34L + 2 + channel % Tiles.GROUP));
          case Q4 q4 ->
              putNibble(
                  page,
                  offset + Q4.byteIndex(kind, token, channel, tokens, channels),
                  Q4.shift(kind, token, channel),
                  nibble(in, row + nibbleByte(channel), channel % Tiles.GROUP / 16 * 4));
          default ->
              copyValue(
                  format,
                  in,
                  row,
                  channel,
                  page,
                  offset,
                  Tiles.plainIndex(kind, token, channel, tokens, channels));
        }
      }
      if (!(format instanceof RawFormat)) {
        for (int group = 0; group < channels / Tiles.GROUP; group++) {
          page.set(
              JAVA_SHORT_UNALIGNED,
              scale(format, offset, group, token, tokens, channels),
              in.get(JAVA_SHORT_UNALIGNED, row + (long) group * blockBytes(format)));
        }
      }
    }
  }

  private static long nibbleByte(int channel) {
    return channel / Tiles.GROUP * 18L + 2 + channel % 16;
  }

  private static int nibble(MemorySegment segment, long at, int shift) {
    return segment.get(JAVA_BYTE, at) >> shift & 15;
  }

  private static void putNibble(MemorySegment segment, long at, int shift, int code) {
    int other = segment.get(JAVA_BYTE, at) & (0xf0 >> shift);
    segment.set(JAVA_BYTE, at, (byte) (other | code << shift));
  }

  private static long scale(
      PageFormat format, long offset, int group, int token, int tokens, int channels) {
    long codes =
        format instanceof Q8 ? Q8.codeBytes(tokens, channels) : Q4.codeBytes(tokens, channels);
    return offset + codes + 2L * ((long) group * tokens + token);
  }

  private static void copyValue(
      PageFormat format,
      MemorySegment from,
      long fromOffset,
      int fromIndex,
      MemorySegment to,
      long toOffset,
      int toIndex) {
    if (format instanceof F32) {
      to.set(
          JAVA_FLOAT_UNALIGNED,
          toOffset + 4L * toIndex,
          from.get(JAVA_FLOAT_UNALIGNED, fromOffset + 4L * fromIndex));
    } else {
      to.set(
          JAVA_SHORT_UNALIGNED,
          toOffset + 2L * toIndex,
          from.get(JAVA_SHORT_UNALIGNED, fromOffset + 2L * fromIndex));
    }
  }
}
