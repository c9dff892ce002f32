package io.kvarena.ffi;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.Charset;
import java.nio.file.FileSystemException;
import java.nio.file.Path;

/** The C functions for files and rings, with their error numbers as exceptions. */
final class IoCalls {

  /** The C struct {@code kv_piece}: a piece of a file and its memory. */
  static final StructLayout PIECE =
      MemoryLayout.structLayout(
          ADDRESS.withName("memory"),
          JAVA_LONG.withName("offset"),
          JAVA_INT.withName("bytes"),
          JAVA_INT.withName("write"),
          JAVA_INT.withName("result"),
          MemoryLayout.paddingLayout(4));

  static final long MEMORY = offset("memory");
  static final long OFFSET = offset("offset");
  static final long BYTES = offset("bytes");
  static final long WRITE = offset("write");
  static final long RESULT = offset("result");

  static final int EINVAL = 22;
  static final int ENOSYS = 38;

  private static final int TEXT_BYTES = 256;

  /** How this system writes the names of files, as for the JVM's own calls. */
  private static final Charset NAMES =
      Charset.forName(System.getProperty("sun.jnu.encoding", "UTF-8"));

  private final MethodHandle openRing;
  private final MethodHandle transfer;
  private final MethodHandle begin;
  private final MethodHandle finish;
  private final MethodHandle closeRing;
  private final MethodHandle openFile;
  private final MethodHandle size;
  private final MethodHandle resize;
  private final MethodHandle sync;
  private final MethodHandle closeFile;
  private final MethodHandle errorText;

  IoCalls(NativeLibrary library) {
    openRing = handle(library, "kv_uring_open", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS));
    FunctionDescriptor pieces =
        FunctionDescriptor.ofVoid(ADDRESS, JAVA_INT, ADDRESS, JAVA_INT, ADDRESS);
    transfer = handle(library, "kv_uring_transfer", pieces);
    begin = handle(library, "kv_uring_begin", pieces);
    finish = handle(library, "kv_uring_finish", FunctionDescriptor.ofVoid(ADDRESS));
    closeRing = handle(library, "kv_uring_close", FunctionDescriptor.ofVoid(ADDRESS));
    openFile = handle(library, "kv_file_open", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT));
    size = handle(library, "kv_file_size", FunctionDescriptor.of(JAVA_LONG, JAVA_INT));
    resize =
        handle(library, "kv_file_resize", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG));
    sync = handle(library, "kv_file_sync", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
    closeFile = handle(library, "kv_file_close", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
    errorText =
        handle(library, "kv_error_text", FunctionDescriptor.ofVoid(JAVA_INT, ADDRESS, JAVA_INT));
  }

  private static MethodHandle handle(NativeLibrary library, String name, FunctionDescriptor type) {
    return Linker.nativeLinker().downcallHandle(library.symbol(name), type);
  }

  private static long offset(String field) {
    return PIECE.byteOffset(PathElement.groupElement(field));
  }

  // ---- rings ----

  /** A new ring, or the negative error number. */
  long openRing(int depth) {
    try (Arena call = Arena.ofConfined()) {
      MemorySegment ring = call.allocate(ADDRESS);
      int result = (int) openRing.invokeExact(depth, ring);
      return result < 0 ? result : ring.get(JAVA_LONG, 0);
    } catch (Throwable failed) {
      throw Downcalls.unexpected(failed);
    }
  }

  /**
   * Moves the first {@code count} of {@code pieces}. The arena of {@code memory} cannot be closed
   * meanwhile.
   */
  void transfer(long ring, int file, MemorySegment pieces, int count, MemorySegment memory) {
    try {
      transfer.invokeExact(MemorySegment.ofAddress(ring), file, pieces, count, memory);
    } catch (Throwable failed) {
      throw Downcalls.unexpected(failed);
    }
  }

  /** Sends pieces off; all memory must be there until {@link #finish} has returned. */
  void begin(long ring, int file, MemorySegment pieces, int count, MemorySegment memory) {
    try {
      begin.invokeExact(MemorySegment.ofAddress(ring), file, pieces, count, memory);
    } catch (Throwable failed) {
      throw Downcalls.unexpected(failed);
    }
  }

  void finish(long ring) {
    try {
      finish.invokeExact(MemorySegment.ofAddress(ring));
    } catch (Throwable failed) {
      throw Downcalls.unexpected(failed);
    }
  }

  void closeRing(long ring) {
    try {
      closeRing.invokeExact(MemorySegment.ofAddress(ring));
    } catch (Throwable failed) {
      throw Downcalls.unexpected(failed);
    }
  }

  // ---- files ----

  /** Descriptor of a file, or the negative error number. */
  int open(Path path, boolean direct) {
    try (Arena call = Arena.ofConfined()) {
      return (int) openFile.invokeExact(call.allocateFrom(path.toString(), NAMES), direct ? 1 : 0);
    } catch (Throwable failed) {
      throw Downcalls.unexpected(failed);
    }
  }

  long size(int file) throws IOException {
    long bytes;
    try {
      bytes = (long) size.invokeExact(file);
    } catch (Throwable failed) {
      throw Downcalls.unexpected(failed);
    }
    checked((int) Math.min(0, bytes));
    return bytes;
  }

  void resize(int file, long bytes) throws IOException {
    int result;
    try {
      result = (int) resize.invokeExact(file, bytes);
    } catch (Throwable failed) {
      throw Downcalls.unexpected(failed);
    }
    checked(result);
  }

  void sync(int file) throws IOException {
    int result;
    try {
      result = (int) sync.invokeExact(file);
    } catch (Throwable failed) {
      throw Downcalls.unexpected(failed);
    }
    checked(result);
  }

  void close(int file) throws IOException {
    int result;
    try {
      result = (int) closeFile.invokeExact(file);
    } catch (Throwable failed) {
      throw Downcalls.unexpected(failed);
    }
    checked(result);
  }

  // ---- errors ----

  private void checked(int result) throws IOException {
    if (result < 0) {
      throw new IOException(text(-result));
    }
  }

  FileSystemException failure(Path file, int error) {
    return new FileSystemException(file.toString(), null, text(error));
  }

  /** The system's words for an error number. */
  String text(int error) {
    try (Arena call = Arena.ofConfined()) {
      MemorySegment text = call.allocate(TEXT_BYTES);
      errorText.invokeExact(error, text, TEXT_BYTES);
      return text.getString(0, NAMES);
    } catch (Throwable failed) {
      throw Downcalls.unexpected(failed);
    }
  }
}
