package io.kvarena.tier.disk;

import io.kvarena.tier.FileIo;
import io.kvarena.tier.TierException;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** A directory that no tier has open, locked and read for whoever looks after it. */
final class ClosedDirectory implements AutoCloseable {
  private static final long BUFFER_BYTES = 16 << 20;

  final Path directory;
  final Recovery recovery;
  final BouncePool pool;

  /** The newest whole one. */
  final Manifest manifest;

  private final Closeable directoryLock;

  ClosedDirectory(Path directory, FileIo io) {
    this.directory = directory.toAbsolutePath().normalize();
    pool = new BouncePool(BUFFER_BYTES);
    recovery = new Recovery(io, this.directory, pool);
    @Nullable Closeable held = null;
    boolean read = false;
    try {
      io.list(this.directory); // one that is not there must not be made
      held = DiskTier.lock(io, this.directory);
      Manifest found = recovery.readManifest();
      if (found == null) {
        throw new TierException(
            "no tier in this directory: directory=" + this.directory + "; name another");
      }
      recovery.readFiles();
      manifest = found;
      directoryLock = held;
      read = true;
    } catch (IOException e) {
      throw unreadable(this.directory, e);
    } finally {
      if (!read) {
        DiskTier.release(recovery, held, pool);
      }
    }
  }

  static TierException unreadable(Path directory, IOException cause) {
    return new TierException(
        "the directory cannot be read: directory=%s, cause=%s; see to it, or name another"
            .formatted(directory, DiskTier.message(cause)),
        cause);
  }

  @Override
  public void close() {
    DiskTier.release(recovery, directoryLock, pool);
  }
}
