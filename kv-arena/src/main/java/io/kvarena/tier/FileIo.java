package io.kvarena.tier;

import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The calls on files that a disk tier makes, each as unreliable as the system's own: the place to
 * plug in another way to do them, or faults.
 *
 * <p>All methods may be called from any thread. Paths are absolute. Links are not followed.
 */
public interface FileIo extends AutoCloseable {

  /** What reads and writes are aligned to in file and memory: offsets, sizes and addresses. */
  int ALIGNMENT = 4096;

  /** Name in figures and messages. */
  String name();

  /** Opens a file to read and write, new and empty with mode 0600 if it is not there. */
  OpenFile open(Path file) throws IOException;

  /** Makes a directory with mode 0700; throws if a link or a file is in its place. */
  void makeDirectory(Path directory) throws IOException;

  /** Names of the files in a directory. */
  List<String> list(Path directory) throws IOException;

  /** Deletes a file; one that is not there is passed over. */
  void delete(Path file) throws IOException;

  /** Gives a file another name in the same directory, in place of one that has it. */
  void rename(Path file, Path as) throws IOException;

  /** Makes the names in a directory durable. */
  void syncDirectory(Path directory) throws IOException;

  /**
   * Locks a file, made if it is not there, against all other callers in this and other processes
   * until what is returned is closed; null if another holds it. Files that only one caller can
   * reach need no lock.
   */
  default @Nullable Closeable lock(Path file) throws IOException {
    return () -> {};
  }

  /** Lets go of what is held besides open files: nothing, for most. */
  @Override
  default void close() {}

  /** An open file. */
  interface OpenFile extends AutoCloseable {

    /** Size in bytes. */
    long size() throws IOException;

    /** Makes the file longer, by zeros, or shorter. */
    void resize(long bytes) throws IOException;

    /**
     * Reads or writes all pieces, at once where that pays, and sets how far each got. Throws only
     * if none could be begun; a piece that failed says so itself.
     */
    void transfer(List<Piece> pieces) throws IOException;

    /**
     * Begins what {@link #transfer} does, and returns while it goes on where that can be. Pieces
     * and their memory are not the caller's until {@link Transfer#await} has returned, which must
     * be called once, by the same thread, before it closes the file.
     */
    default Transfer begin(List<Piece> pieces) {
      try {
        transfer(pieces);
        return () -> {};
      } catch (IOException e) {
        return () -> {
          throw e;
        };
      }
    }

    /** Makes all that was written and the size durable. After a failure the file is in doubt. */
    void sync() throws IOException;

    @Override
    void close() throws IOException;
  }

  /** Pieces on their way. */
  interface Transfer {

    /** Waits for all, and throws, as {@link OpenFile#transfer} does. */
    void await() throws IOException;
  }

  /** A piece of a file and the memory that it is read into or written from. */
  final class Piece {
    /** Whether it is written. */
    public final boolean write;

    /** Where it lies in the file. */
    public final long offset;

    /** The memory, native and aligned. */
    public final MemorySegment memory;

    /** Bytes moved: fewer than asked for at the end of a file, or as the system likes. */
    public int moved;

    /** Why nothing was moved; null if something was, or at the end of the file. */
    public @Nullable IOException failure;

    public Piece(boolean write, long offset, MemorySegment memory) {
      this.write = write;
      this.offset = offset;
      this.memory = memory;
    }
  }
}
