package io.kvarena.llm.gguf;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/** A place in a file that moves forward and never past the end. */
final class Cursor {
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(LITTLE_ENDIAN);

  private final MemorySegment bytes;
  private final String file;
  private long position;

  Cursor(MemorySegment bytes, String file) {
    this.bytes = bytes;
    this.file = file;
  }

  long position() {
    return position;
  }

  long remaining() {
    return bytes.byteSize() - position;
  }

  /** Steps over {@code count} bytes of {@code what} and returns where they start. */
  long take(long count, String what) {
    if (count < 0 || count > remaining()) {
      throw new GgufException(
          "file ends inside "
              + what
              + ": file="
              + file
              + ", offset="
              + position
              + ", needs="
              + Long.toUnsignedString(count)
              + ", remaining="
              + remaining()
              + "; the file is damaged or its download incomplete, fetch it again");
    }
    long start = position;
    position += count;
    return start;
  }

  int i32(String what) {
    return bytes.get(INT, take(4, what));
  }

  long i64(String what) {
    return bytes.get(LONG, take(8, what));
  }

  /**
   * A count whose elements take at least {@code bytesEach} bytes, so that they can all be there.
   */
  long count(long max, int bytesEach, String what) {
    long at = position;
    long count = i64(what);
    long fits = remaining() / bytesEach;
    if (count < 0 || count > Math.min(max, fits)) {
      throw new GgufException(
          what
              + " is impossible: file="
              + file
              + ", offset="
              + at
              + ", count="
              + Long.toUnsignedString(count)
              + ", limit="
              + Math.min(max, fits)
              + "; the file is damaged, fetch it again");
    }
    return count;
  }

  /** A name of 1 to {@code max} bytes of UTF-8. */
  String name(int max, String what) {
    long at = position;
    long length = i64(what);
    if (length < 1 || length > max) {
      throw new GgufException(
          what
              + " has an impossible length: file="
              + file
              + ", offset="
              + at
              + ", bytes="
              + Long.toUnsignedString(length)
              + ", limit="
              + max
              + "; the file is damaged, fetch it again");
    }
    long start = take(length, what);
    ByteBuffer name = bytes.asSlice(start, length).asByteBuffer();
    try {
      return printable(StandardCharsets.UTF_8.newDecoder().decode(name).toString(), start, what);
    } catch (CharacterCodingException e) {
      throw new GgufException(
          what
              + " is not UTF-8: file="
              + file
              + ", offset="
              + start
              + "; the file is damaged, fetch it again",
          e);
    }
  }

  /** Refuses names that would break the one line of a message. */
  private String printable(String name, long at, String what) {
    if (name.codePoints().anyMatch(c -> Character.isISOControl(c) || c == 0x2028 || c == 0x2029)) {
      throw new GgufException(
          what
              + " holds control characters: file="
              + file
              + ", offset="
              + at
              + "; the file is damaged, fetch it again");
    }
    return name;
  }

  /** Steps over a string and returns where its length stands. */
  long skipString(String what) {
    long at = position;
    take(i64(what), what);
    return at;
  }
}
