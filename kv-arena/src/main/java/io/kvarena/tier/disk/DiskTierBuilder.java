package io.kvarena.tier.disk;

import io.kvarena.tier.FileIo;
import java.nio.file.Path;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** What a disk tier is made from. */
public final class DiskTierBuilder {
  static final long MAX_BYTES_MIN = 64 << 10;

  final Path directory;
  long maxBytes = 8L << 30;
  long fileBytes = 256L << 20;
  long bufferBytes = 16L << 20;
  byte[] fingerprint = new byte[PageFileDescriptor.FINGERPRINT_BYTES];
  byte @Nullable [] key;
  boolean durable = true;
  @Nullable FileIo io;

  DiskTierBuilder(Path directory) {
    this.directory = directory.toAbsolutePath().normalize();
  }

  /** The most that all files of the tier take together; 8 GiB if not set. */
  public DiskTierBuilder maxBytes(long bytes) {
    maxBytes = checked("maxBytes", bytes, MAX_BYTES_MIN);
    return this;
  }

  /** About the size that a page file grows to, at least one slot; 256 MiB if not set. */
  public DiskTierBuilder fileBytes(long bytes) {
    fileBytes = checked("fileBytes", bytes, FileIo.ALIGNMENT);
    return this;
  }

  /**
   * Native memory that all calls together read and write through, and so the largest slot; 16 MiB
   * if not set.
   */
  public DiskTierBuilder bufferBytes(long bytes) {
    bufferBytes = checked("bufferBytes", bytes, MAX_BYTES_MIN);
    return this;
  }

  /**
   * 32 bytes that say whose pages these are: a hash of model, layout, encodings and RoPE. A
   * directory with another fingerprint is refused.
   */
  public DiskTierBuilder fingerprint(byte[] hash) {
    if (hash.length != PageFileDescriptor.FINGERPRINT_BYTES) {
      throw new IllegalArgumentException(
          "a fingerprint has 32 bytes: bytes=" + hash.length + "; use a SHA-256");
    }
    fingerprint = hash.clone();
    return this;
  }

  /**
   * Encrypts each page and record with AES-256-GCM under this key of 32 bytes, which is good for
   * 2^32 writes. Keys of pages, {@code about} and names of records are authenticated, not hidden.
   */
  public DiskTierBuilder key(byte[] secret) {
    if (secret.length != PageCipher.KEY_BYTES) {
      throw new IllegalArgumentException(
          "a key of AES-256 has 32 bytes: bytes=" + secret.length + "; derive one");
    }
    key = secret.clone();
    return this;
  }

  /**
   * Whether pages outlive the process. If not, nothing is synced, and the directory is wiped of
   * such a tier's files at the start and at the end.
   */
  public DiskTierBuilder durable(boolean outlives) {
    durable = outlives;
    return this;
  }

  /** Another way to do I/O than {@link FileIos#best()}; the caller's to close. */
  public DiskTierBuilder io(FileIo files) {
    io = files;
    return this;
  }

  /**
   * Opens the tier; throws TierException if the directory belongs to another model, format or key,
   * is open elsewhere, or cannot be read.
   */
  public DiskTier open() {
    return DiskTier.open(this);
  }

  private static long checked(String name, long bytes, long least) {
    if (bytes < least) {
      throw new IllegalArgumentException(
          String.format(Locale.ROOT, "too small: %s=%d; use at least %d", name, bytes, least));
    }
    return bytes;
  }
}
