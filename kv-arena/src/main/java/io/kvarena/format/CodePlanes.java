package io.kvarena.format;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;

/**
 * Where the codes of a tile lie, for formats of 2, 3, 4 or 8 bits.
 *
 * <p>A reader sums over <em>elements</em> e for each <em>lane</em> l: keys have channels as
 * elements and tokens as lanes, values the other way round. A plane of b bits holds words of 32 / b
 * codes of one lane, so that a vector register of words is a row of neighbouring lanes:
 *
 * <pre>
 * word  (e / (32 / b)) · lanes + l
 *       +-----------------------+-----------------------+---------+---------+
 *       | byte 0                | byte 1                | byte 2  | byte 3  |
 *       | e = 0, 4, 8 … (low first) | e = 1, 5, 9 …     | 2, 6, … | 3, 7, … |
 *       +-----------------------+-----------------------+---------+---------+
 * 8, 4 and 2 bits   one plane
 * 3 bits            a plane of the low two bits, behind it a plane of the third bit
 * </pre>
 *
 * Elements beyond the last hold code 0. A format's scales start on the next multiple of 64 bytes.
 */
record CodePlanes(int bits) {

  /** Bits of a code in the first plane; a second plane of one bit holds what is left. */
  private int lowBits() {
    return bits == 3 ? 2 : bits;
  }

  private static long planeBytes(int planeBits, int elements, int lanes) {
    return Tiles.roundUp(elements, 32 / planeBits) / (32 / planeBits) * lanes * 4;
  }

  private static long at(int planeBits, int element, int lane, int lanes) {
    return ((long) (element / (32 / planeBits)) * lanes + lane) * 4 + element % 4;
  }

  private static int shift(int planeBits, int element) {
    return planeBits * (element / 4 % (8 / planeBits));
  }

  /** Bytes of all codes. */
  long bytes(TileKind kind, int tokens, int channels) {
    int elements = kind == TileKind.KEYS ? channels : tokens;
    int lanes = kind == TileKind.KEYS ? tokens : channels;
    long low = planeBytes(lowBits(), elements, lanes);
    return bits == 3 ? low + planeBytes(1, elements, lanes) : low;
  }

  /** Where the metadata starts in the tile. */
  long metadata(TileKind kind, int tokens, int channels) {
    return Tiles.roundUp(bytes(kind, tokens, channels), Tiles.SCALE_ALIGNMENT);
  }

  /** Makes every code 0, the padding's too. */
  void clear(TileKind kind, int tokens, int channels, MemorySegment page, long offset) {
    page.asSlice(offset, bytes(kind, tokens, channels)).fill((byte) 0);
  }

  /** Writes a code where {@link #clear} left 0. */
  void put(
      TileKind kind,
      int token,
      int channel,
      int tokens,
      int channels,
      int code,
      MemorySegment page,
      long offset) {
    int element = kind == TileKind.KEYS ? channel : token;
    int lane = kind == TileKind.KEYS ? token : channel;
    int lanes = kind == TileKind.KEYS ? tokens : channels;
    int low = lowBits();
    or(
        page,
        offset + at(low, element, lane, lanes),
        (code & (1 << low) - 1) << shift(low, element));
    if (bits == 3) {
      long plane = offset + planeBytes(2, kind == TileKind.KEYS ? channels : tokens, lanes);
      or(page, plane + at(1, element, lane, lanes), code >> 2 << shift(1, element));
    }
  }

  private static void or(MemorySegment page, long at, int bits) {
    page.set(JAVA_BYTE, at, (byte) (page.get(JAVA_BYTE, at) | bits));
  }

  /** The code of a value, 0 to 2^bits − 1. */
  int code(
      TileKind kind,
      int token,
      int channel,
      int tokens,
      int channels,
      MemorySegment page,
      long offset) {
    int element = kind == TileKind.KEYS ? channel : token;
    int lane = kind == TileKind.KEYS ? token : channel;
    int lanes = kind == TileKind.KEYS ? tokens : channels;
    int low = lowBits();
    int code = page.get(JAVA_BYTE, offset + at(low, element, lane, lanes)) >> shift(low, element);
    code &= (1 << low) - 1;
    if (bits == 3) {
      long plane = offset + planeBytes(2, kind == TileKind.KEYS ? channels : tokens, lanes);
      int high = page.get(JAVA_BYTE, plane + at(1, element, lane, lanes)) >> shift(1, element);
      code |= (high & 1) << 2;
    }
    return code;
  }
}
