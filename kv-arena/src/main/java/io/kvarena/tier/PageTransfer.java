package io.kvarena.tier;

import java.lang.foreign.MemorySegment;
import java.util.zip.CRC32C;

/**
 * A page on its way to a tier or back.
 *
 * @param key its name
 * @param about what else must agree when it comes back, and what a restart finds again: at most
 *     {@link #ABOUT_BYTES_MAX} bytes that a tier keeps with the page and does not interpret
 * @param bytes the page in native memory; read by {@link Tier#store}, written by {@link Tier#load}
 * @param crc32c checksum of the bytes, taken when the page was sealed
 */
public record PageTransfer(PageKey key, byte[] about, MemorySegment bytes, int crc32c) {

  /** The most that a tier keeps with a page. */
  public static final int ABOUT_BYTES_MAX = 1024;

  public PageTransfer {
    if (about.length > ABOUT_BYTES_MAX) {
      throw new IllegalArgumentException(
          "too much to keep with a page: aboutBytes="
              + about.length
              + ", aboutBytesMax="
              + ABOUT_BYTES_MAX
              + "; keep it in a record");
    }
  }

  /** A page to be stored. */
  public static PageTransfer of(PageKey key, byte[] about, MemorySegment bytes) {
    return new PageTransfer(key, about, bytes, crc32c(bytes));
  }

  /** CRC32C of a native segment of less than 2 GiB. */
  public static int crc32c(MemorySegment bytes) {
    CRC32C crc = new CRC32C();
    crc.update(bytes.asByteBuffer());
    return (int) crc.getValue();
  }
}
