package io.kvarena.tier.disk;

import io.kvarena.tier.FileIo;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** Little-endian numbers at any address, and rounding to what files are aligned to. */
final class Bytes {
  static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private Bytes() {}

  /** The next multiple of {@link FileIo#ALIGNMENT}. */
  static long aligned(long bytes) {
    return aligned(bytes, FileIo.ALIGNMENT);
  }

  /** The next multiple of a power of two. */
  static long aligned(long bytes, int alignment) {
    return (bytes + alignment - 1) & -alignment;
  }

  static String hex(int crc32c) {
    return String.format("%08x", crc32c);
  }
}
