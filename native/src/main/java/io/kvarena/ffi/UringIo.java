package io.kvarena.ffi;

import io.kvarena.tier.FileIo;
import io.kvarena.tier.disk.ChannelIo;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;

/**
 * Files through Linux' io_uring, past the page cache where the file system can: all pieces of a
 * call go to the kernel together, from the caller's own thread. Names, directories and locks are
 * {@link ChannelIo}'s.
 *
 * <p>A call has a ring to itself; when all are taken, it waits for one. It is not a thing that an
 * interrupt could stop.
 */
public final class UringIo implements FileIo {

  /** Pieces of a call that are under way together. */
  public static final int DEPTH = 64;

  /** Calls that are under way together. */
  public static final int RINGS = 8;

  /** What io_uring is here. */
  private static final class Holder {
    static final @Nullable IoCalls CALLS = NativeLibrary.loaded().map(IoCalls::new).orElse(null);
    static final @Nullable String WHY_NOT = CALLS == null ? NativeLibrary.report() : tryOut(CALLS);
  }

  private final IoCalls calls;
  private final ChannelIo channel = new ChannelIo();
  private final ConcurrentLinkedDeque<Uring> idle = new ConcurrentLinkedDeque<>();
  private final Semaphore free = new Semaphore(RINGS, true);

  /** Leaves rings for calls that wait: who began one may make such a call before it is finished. */
  private final Semaphore begun = new Semaphore(RINGS / 2);

  /** For callers on virtual threads, whose carriers must not wait. */
  private final ExecutorService threads =
      Executors.newCachedThreadPool(
          Thread.ofPlatform().daemon().name("kv-arena-uring-", 0).factory());

  private volatile boolean closed;
  private volatile @Nullable String whyBuffered;
  private volatile boolean opened;

  /** Throws UnsupportedOperationException, with the reason, where {@link #whyNot} has one. */
  public UringIo() {
    IoCalls found = Holder.CALLS;
    String why = whyNot();
    if (found == null || why != null) {
      throw new UnsupportedOperationException("no io_uring: " + why);
    }
    calls = found;
  }

  /** Why this process cannot use io_uring, with the way out; null if it can. */
  public static @Nullable String whyNot() {
    return Holder.WHY_NOT;
  }

  /** One of these where io_uring can be used, else a {@link ChannelIo}. */
  public static FileIo orChannel() {
    return whyNot() == null ? new UringIo() : new ChannelIo();
  }

  private static @Nullable String tryOut(IoCalls calls) {
    String platform = NativeLibrary.platform();
    if (!platform.startsWith("linux-")) {
      return "io_uring is a part of Linux: platform=" + platform + "; nothing else has it";
    }
    long ring = calls.openRing(1);
    if (ring >= 0) {
      calls.closeRing(ring);
      return null;
    }
    return refusal((int) -ring, calls.text((int) -ring));
  }

  static String refusal(int error, String text) {
    return "the kernel refuses io_uring: errno=%d (%s); %s"
        .formatted(
            error,
            text,
            error == IoCalls.ENOSYS
                ? "use Linux 5.6 or later"
                : "allow io_uring_setup and io_uring_enter in the container's seccomp profile,"
                    + " and set kernel.io_uring_disabled to 0");
  }

  @Override
  public String name() {
    return "uring";
  }

  /** Name, depth and whether I/O is direct, with the reason if it is not. */
  @Override
  public String toString() {
    String why = whyBuffered;
    return "uring: depth="
        + DEPTH
        + (why != null ? ", buffered (" + why + ")" : opened ? ", direct" : ", not used yet");
  }

  @Override
  public OpenFile open(Path file) throws IOException {
    if (file.getFileSystem() != FileSystems.getDefault()) {
      return channel.open(file);
    }
    int found = calls.open(file, true);
    if (found == -IoCalls.EINVAL) {
      found = calls.open(file, false);
      if (found >= 0) {
        whyBuffered = "this file system has no direct I/O: " + calls.text(IoCalls.EINVAL);
      }
    }
    if (found < 0) {
      throw calls.failure(file, -found);
    }
    opened = true;
    return new UringFile(found);
  }

  @Override
  public void makeDirectory(Path directory) throws IOException {
    channel.makeDirectory(directory);
  }

  @Override
  public List<String> list(Path directory) throws IOException {
    return channel.list(directory);
  }

  @Override
  public void delete(Path file) throws IOException {
    channel.delete(file);
  }

  @Override
  public void rename(Path file, Path as) throws IOException {
    channel.rename(file, as);
  }

  @Override
  public void syncDirectory(Path directory) throws IOException {
    channel.syncDirectory(directory);
  }

  @Override
  public @Nullable Closeable lock(Path file) throws IOException {
    return channel.lock(file);
  }

  /** Closes the rings, after the calls that are under way. Open files can only be closed then. */
  @Override
  public void close() {
    closed = true;
    free.acquireUninterruptibly(RINGS);
    try {
      for (Uring ring = idle.poll(); ring != null; ring = idle.poll()) {
        ring.close();
      }
    } finally {
      free.release(RINGS);
    }
  }

  private interface Call {
    void run() throws IOException;
  }

  /** Makes a call that may wait for the disk. */
  private void waiting(Call call) throws IOException {
    if (!Thread.currentThread().isVirtual()) {
      call.run();
      return;
    }
    IOException failed =
        join(
            CompletableFuture.<@Nullable IOException>supplyAsync(
                () -> {
                  try {
                    call.run();
                    return null;
                  } catch (IOException e) {
                    return e;
                  }
                },
                threads));
    if (failed != null) {
      throw new IOException(failed.getMessage(), failed);
    }
  }

  /** Waits on when interrupted, and keeps the flag. */
  private static <T extends @Nullable Object> T join(CompletableFuture<T> done) {
    try {
      return done.join();
    } catch (CompletionException e) {
      throw e.getCause() instanceof RuntimeException cause ? cause : e;
    }
  }

  private Uring ring() throws IOException {
    if (closed) {
      throw new IOException("the rings are closed");
    }
    Uring ring = idle.poll();
    if (ring != null) {
      return ring;
    }
    long made = calls.openRing(DEPTH);
    if (made < 0) {
      throw new IOException("no ring: " + calls.text((int) -made));
    }
    return new Uring(calls, made);
  }

  private Uring takeRing() throws IOException {
    free.acquireUninterruptibly();
    boolean taken = false;
    try {
      Uring ring = ring();
      taken = true;
      return ring;
    } finally {
      if (!taken) {
        free.release();
      }
    }
  }

  private void giveBack(Uring ring) {
    idle.push(ring);
    free.release();
  }

  /** A file and its descriptor. */
  private final class UringFile implements OpenFile {
    private static final int CALLS_MAX = Integer.MAX_VALUE;

    private final int descriptor;

    /**
     * All taken by close alone: a descriptor that is closed may be another file's the next moment.
     */
    private final Semaphore life = new Semaphore(CALLS_MAX);

    private volatile boolean open = true;

    UringFile(int descriptor) {
      this.descriptor = descriptor;
    }

    private void enter() throws IOException {
      life.acquireUninterruptibly();
      if (!open) {
        life.release();
        throw new IOException("the file is closed");
      }
    }

    @Override
    public long size() throws IOException {
      enter();
      try {
        return calls.size(descriptor);
      } finally {
        life.release();
      }
    }

    @Override
    public void resize(long bytes) throws IOException {
      enter();
      try {
        calls.resize(descriptor, bytes);
      } finally {
        life.release();
      }
    }

    @Override
    public void transfer(List<Piece> pieces) throws IOException {
      enter();
      try {
        // before another thread is asked, of which there are no more than rings
        Uring ring = takeRing();
        try {
          waiting(() -> ring.transfer(descriptor, pieces));
        } finally {
          giveBack(ring);
        }
      } finally {
        life.release();
      }
    }

    @Override
    public Transfer begin(List<Piece> pieces) {
      if (pieces.isEmpty() || !begun.tryAcquire()) {
        return OpenFile.super.begin(pieces);
      }
      boolean sent = false;
      try {
        Begun transfer = new Begun(this, pieces);
        sent = true;
        return transfer;
      } catch (IOException e) {
        return () -> {
          throw e;
        };
      } finally {
        if (!sent) {
          begun.release();
        }
      }
    }

    @Override
    public void sync() throws IOException {
      enter();
      try {
        waiting(() -> calls.sync(descriptor));
      } finally {
        life.release();
      }
    }

    @Override
    public void close() throws IOException {
      life.acquireUninterruptibly(CALLS_MAX);
      try {
        if (open) {
          open = false;
          calls.close(descriptor);
        }
      } finally {
        life.release(CALLS_MAX);
      }
    }
  }

  /** Pieces that were sent off, with a ring and a permit to begin. */
  private final class Begun implements FileIo.Transfer {
    private final UringFile file;
    private final List<Piece> pieces;
    private final Uring ring;

    /** On a virtual thread, whose carrier must not wait and so could not finish; else null. */
    private final @Nullable CompletableFuture<Void> elsewhere;

    Begun(UringFile file, List<Piece> pieces) throws IOException {
      this.file = file;
      this.pieces = pieces;
      file.enter();
      boolean sent = false;
      try {
        ring = takeRing();
        try {
          elsewhere = send();
          sent = true;
        } finally {
          if (!sent) {
            giveBack(ring);
          }
        }
      } finally {
        if (!sent) {
          file.life.release();
        }
      }
    }

    private @Nullable CompletableFuture<Void> send() {
      if (Thread.currentThread().isVirtual()) {
        return CompletableFuture.runAsync(() -> ring.transfer(file.descriptor, pieces), threads);
      }
      ring.begin(file.descriptor, pieces);
      return null;
    }

    @Override
    public void await() {
      try {
        if (elsewhere == null) {
          ring.finish(pieces);
        } else {
          join(elsewhere);
        }
      } finally {
        giveBack(ring);
        file.life.release();
        begun.release();
      }
    }
  }
}
