package io.kvarena.tier.disk;

import io.kvarena.tier.FileIo;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NotDirectoryException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.FutureTask;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Files through {@link FileChannel}, past the page cache where the file system can, with a few
 * reads and writes in flight.
 *
 * <p>All calls run on threads of its own: a channel closes for everybody when a thread that uses it
 * is interrupted, and these never are. They end when idle.
 */
public final class ChannelIo implements FileIo {

  /** Reads and writes in flight unless the constructor is told otherwise. */
  public static final int DEPTH = 8;

  private final int depth;
  private final ThreadPoolExecutor threads;
  private volatile @Nullable String whyBuffered;
  private volatile boolean opened;

  /** Direct I/O with {@link #DEPTH} calls in flight. */
  public ChannelIo() {
    this(DEPTH, true);
  }

  /**
   * @param depth reads and writes in flight
   * @param direct whether to go past the page cache where that is possible
   */
  public ChannelIo(int depth, boolean direct) {
    if (depth < 1 || depth > 256) {
      throw new IllegalArgumentException(
          "1 to 256 calls are in flight: depth=" + depth + "; " + DEPTH + " is the default");
    }
    this.depth = depth;
    whyBuffered = direct ? null : "not asked for";
    threads =
        new ThreadPoolExecutor(
            depth,
            depth,
            2,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(),
            Thread.ofPlatform().daemon().name("kv-arena-disk-", 0).factory());
    threads.allowCoreThreadTimeOut(true);
  }

  @Override
  public String name() {
    return "channel";
  }

  /** Name, depth and whether I/O is direct, with the reason if it is not. */
  @Override
  public String toString() {
    String why = whyBuffered;
    return "channel: depth="
        + depth
        + (why != null ? ", buffered (" + why + ")" : opened ? ", direct" : ", not used yet");
  }

  @Override
  public OpenFile open(Path file) throws IOException {
    return call(() -> new ChannelFile(channel(file)));
  }

  private FileChannel channel(Path file) throws IOException {
    Set<OpenOption> options = new HashSet<>();
    options.add(StandardOpenOption.READ);
    options.add(StandardOpenOption.WRITE);
    options.add(StandardOpenOption.CREATE);
    options.add(LinkOption.NOFOLLOW_LINKS);
    if (whyBuffered == null) {
      try {
        Set<OpenOption> direct = new HashSet<>(options);
        direct.add(DirectOption.direct());
        FileChannel channel = FileChannel.open(file, direct, mode(file, "rw-------"));
        opened = true;
        return channel;
      } catch (UnsupportedOperationException e) {
        whyBuffered = String.valueOf(e.getMessage());
      } catch (IOException e) {
        // A file system that cannot says EINVAL; anything else is as true of a buffered file.
        FileChannel channel = FileChannel.open(file, options, mode(file, "rw-------"));
        whyBuffered = "this file system has no direct I/O: " + e.getMessage();
        return channel;
      }
    }
    return FileChannel.open(file, options, mode(file, "rw-------"));
  }

  @Override
  public void makeDirectory(Path directory) throws IOException {
    Path parent = directory.toAbsolutePath().getParent();
    if (parent != null) {
      Files.createDirectories(parent);
    }
    try {
      Files.createDirectory(directory, mode(directory, "rwx------"));
    } catch (FileAlreadyExistsException e) {
      if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) {
        NotDirectoryException refused = new NotDirectoryException(directory.toString());
        refused.initCause(e);
        throw refused;
      }
    }
  }

  @Override
  public List<String> list(Path directory) throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      return files.map(file -> String.valueOf(file.getFileName())).sorted().toList();
    }
  }

  @Override
  public void delete(Path file) throws IOException {
    Files.deleteIfExists(file);
  }

  @Override
  public void rename(Path file, Path as) throws IOException {
    Files.move(file, as, StandardCopyOption.ATOMIC_MOVE);
  }

  @Override
  public void syncDirectory(Path directory) throws IOException {
    call(
        () -> {
          try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
            channel.force(true);
          }
          return true;
        });
  }

  @Override
  public @Nullable Closeable lock(Path file) throws IOException {
    return call(
        () -> {
          FileChannel channel =
              FileChannel.open(
                  file,
                  Set.of(
                      StandardOpenOption.WRITE,
                      StandardOpenOption.CREATE,
                      LinkOption.NOFOLLOW_LINKS),
                  mode(file, "rw-------"));
          try {
            FileLock lock = channel.tryLock();
            if (lock != null) {
              return channel;
            }
          } catch (OverlappingFileLockException e) {
            // held in this process
          }
          channel.close();
          return null;
        });
  }

  private static FileAttribute<?>[] mode(Path file, String permissions) {
    return FileSystems.getDefault().supportedFileAttributeViews().contains("posix")
            && file.getFileSystem() == FileSystems.getDefault()
        ? new FileAttribute<?>[] {
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(permissions))
        }
        : new FileAttribute<?>[0];
  }

  @FunctionalInterface
  private interface Call<T extends @Nullable Object> {
    T run() throws IOException;
  }

  private <T extends @Nullable Object> T call(Call<T> call) throws IOException {
    return Waiting.get(threads.submit(call::run));
  }

  /** A file and its channel. */
  private final class ChannelFile implements OpenFile {
    private final FileChannel channel;

    ChannelFile(FileChannel channel) {
      this.channel = channel;
    }

    @Override
    public long size() throws IOException {
      return call(channel::size);
    }

    @Override
    public void resize(long bytes) throws IOException {
      call(
          () -> {
            long size = channel.size();
            if (size > bytes) {
              channel.truncate(bytes);
            } else if (size < bytes) {
              grow(bytes);
            }
            return true;
          });
    }

    /** Writes the last block: a channel has no other way to make a file longer. */
    private void grow(long bytes) throws IOException {
      long last = (bytes - 1) & -ALIGNMENT;
      try (Arena arena = Arena.ofConfined()) {
        ByteBuffer block = arena.allocate(ALIGNMENT, ALIGNMENT).asByteBuffer();
        channel.read(block, last);
        block.clear();
        while (block.hasRemaining()) {
          channel.write(block, last + block.position());
        }
      }
      if (bytes % ALIGNMENT != 0) {
        channel.truncate(bytes);
      }
    }

    @Override
    public void transfer(List<Piece> pieces) throws IOException {
      begin(pieces).await();
    }

    @Override
    public Transfer begin(List<Piece> pieces) {
      if (!channel.isOpen()) {
        return () -> {
          throw new IOException("the file is closed");
        };
      }
      AtomicInteger next = new AtomicInteger();
      Runnable work =
          () -> {
            for (int i = next.getAndIncrement(); i < pieces.size(); i = next.getAndIncrement()) {
              move(pieces.get(i));
            }
          };
      List<FutureTask<?>> workers = new ArrayList<>();
      for (int i = 0; i < Math.min(depth, pieces.size()); i++) {
        FutureTask<?> worker = new FutureTask<>(work, null);
        workers.add(worker);
        threads.execute(worker);
      }
      return () -> {
        for (FutureTask<?> worker : workers) {
          Waiting.get(worker);
        }
      };
    }

    private void move(Piece piece) {
      ByteBuffer buffer = piece.memory.asByteBuffer();
      try {
        // Once; what the system left over is the caller's to ask for again.
        int moved =
            piece.write ? channel.write(buffer, piece.offset) : channel.read(buffer, piece.offset);
        piece.moved = Math.max(0, moved);
      } catch (IOException e) {
        piece.failure = e;
      }
    }

    @Override
    public void sync() throws IOException {
      call(
          () -> {
            channel.force(true);
            return true;
          });
    }

    @Override
    public void close() throws IOException {
      channel.close();
    }
  }
}
