package io.kvarena.llm.gguf;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A GGUF model file (version 2 or 3, little endian): metadata and tensors over a read-only map.
 *
 * <pre>
 * ┌───────────────────────────────────────────────┐ 0
 * │ "GGUF" · version · tensor count · pair count  │
 * ├───────────────────────────────────────────────┤ 24
 * │ pairs: key · type · value                     │
 * ├───────────────────────────────────────────────┤
 * │ tensors: name · dimensions · type · offset    │
 * ├───────────────────────────────────────────────┤ rounded up to general.alignment
 * │ tensor data, each at a multiple of alignment  │
 * └───────────────────────────────────────────────┘
 * </pre>
 *
 * <p>Opening checks everything that a later access relies on and allocates in proportion to what is
 * really in the file, never to what it declares. Safe for use by many threads until closed.
 */
public final class Gguf implements AutoCloseable {
  static final int KEY_BYTES_MAX = 65_535;
  static final int TENSOR_NAME_BYTES_MAX = 64;
  static final int DIMENSIONS_MAX = 4;
  static final int COUNT_MAX = 1 << 16;

  private static final int MAGIC = 0x46554747;
  private static final int ALIGNMENT_DEFAULT = 32;
  private static final int ALIGNMENT_MAX = 1 << 16;
  // key length, one byte of key, type, one byte of value
  private static final int PAIR_BYTES_MIN = 14;
  // name length, one byte of name, dimension count, one dimension, type, offset
  private static final int TENSOR_BYTES_MIN = 33;

  /** A tensor as declared, before its place in the file is known to be sound. */
  private record Declared(String name, TensorType type, List<Long> shape, long offset, long bytes) {
    long end() {
      return offset + bytes;
    }
  }

  private final String file;

  /** Bytes that are hashed at a time: a buffer has no more than 2 GiB. */
  private static final long HASHED_BYTES = 64L << 20;

  private final MemorySegment bytes;
  private final @Nullable Arena arena;
  private final int version;
  private final Metadata metadata;
  private final Map<String, GgufTensor> tensors = new LinkedHashMap<>();

  private Gguf(MemorySegment bytes, String file, @Nullable Arena arena) {
    this.bytes = bytes;
    this.file = file;
    this.arena = arena;
    this.metadata = new Metadata(bytes, file);
    Cursor cursor = new Cursor(bytes, file);
    this.version = readVersion(cursor);
    long tensorCount = cursor.count(COUNT_MAX, TENSOR_BYTES_MIN, "the tensor count");
    long pairCount = cursor.count(COUNT_MAX, PAIR_BYTES_MIN, "the metadata count");
    for (long i = 0; i < pairCount; i++) {
      metadata.read(cursor);
    }
    int alignment = alignment();
    List<Declared> declared = new ArrayList<>();
    for (long i = 0; i < tensorCount; i++) {
      declared.add(readTensor(cursor, alignment));
    }
    long start = Math.ceilDiv(cursor.position(), alignment) * alignment;
    place(declared, start);
  }

  /** Maps and checks the file at {@code path}. */
  public static Gguf open(Path path) {
    Arena arena = Arena.ofShared();
    try {
      return new Gguf(map(path, arena), path.toString(), arena);
    } catch (RuntimeException | Error e) {
      arena.close();
      throw e;
    }
  }

  private static MemorySegment map(Path path, Arena arena) {
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      return channel.map(MapMode.READ_ONLY, 0, channel.size(), arena);
    } catch (NoSuchFileException e) {
      throw new GgufException(
          "no such model file: file=" + path + "; give the path of a .gguf file", e);
    } catch (IOException | UnsupportedOperationException e) {
      throw new GgufException(
          "cannot read the model file: file="
              + path
              + ", cause="
              + e.getMessage()
              + "; give a readable .gguf file",
          e);
    }
  }

  /** Reads and checks a model of less than 2 GiB from a stream, such as a resource. */
  public static Gguf read(InputStream in, String file) throws IOException {
    return of(MemorySegment.ofArray(in.readAllBytes()), file);
  }

  /** Checks a model that lies in memory; {@code file} names it in messages. */
  public static Gguf of(MemorySegment bytes, String file) {
    return new Gguf(bytes.asReadOnly(), file, null);
  }

  private int readVersion(Cursor cursor) {
    int magic = cursor.i32("the magic number");
    if (magic != MAGIC) {
      throw new GgufException(
          "not a GGUF file: file="
              + file
              + ", magic="
              + String.format("%08x", magic)
              + "; give a model in GGUF format");
    }
    int found = cursor.i32("the version");
    if (Integer.reverseBytes(found) == 2 || Integer.reverseBytes(found) == 3) {
      throw new GgufException(
          "big-endian GGUF is not supported: file="
              + file
              + "; convert the model to little endian");
    }
    if (found != 2 && found != 3) {
      throw new GgufException(
          "GGUF version not supported: file="
              + file
              + ", version="
              + Integer.toUnsignedString(found)
              + ", supported=2..3; convert the model again with a current converter");
    }
    return found;
  }

  private int alignment() {
    int alignment = metadata.integer("general.alignment", 0, Integer.MAX_VALUE, ALIGNMENT_DEFAULT);
    if (alignment < 8 || alignment > ALIGNMENT_MAX || Integer.bitCount(alignment) != 1) {
      throw new GgufException(
          "alignment must be a power of two: file="
              + file
              + ", alignment="
              + alignment
              + ", min=8, max="
              + ALIGNMENT_MAX
              + "; the file is damaged, fetch it again");
    }
    return alignment;
  }

  private Declared readTensor(Cursor cursor, int alignment) {
    String name = cursor.name(TENSOR_NAME_BYTES_MAX, "a tensor name");
    int dimensions = cursor.i32("the dimension count of " + name);
    if (dimensions < 1 || dimensions > DIMENSIONS_MAX) {
      throw tensorError(
          "tensor has an impossible dimension count", name, "dimensions=" + dimensions);
    }
    List<Long> shape = new ArrayList<>(dimensions);
    long values = 1;
    for (int i = 0; i < dimensions; i++) {
      long length = cursor.i64("the shape of " + name);
      shape.add(length);
      // the product stays under 2^60, so that sizes in bytes cannot overflow either
      if (length < 1 || length > (1L << 60) / values) {
        throw tensorError("tensor has an impossible shape", name, "shape=" + shape);
      }
      values *= length;
    }
    int typeId = cursor.i32("the type of " + name);
    TensorType type =
        TensorType.of(typeId)
            .orElseThrow(
                () ->
                    new GgufException(
                        "tensor type not supported: file="
                            + file
                            + ", tensor="
                            + name
                            + ", type="
                            + Integer.toUnsignedString(typeId)
                            + " ("
                            + TensorType.unsupportedName(typeId)
                            + "); use a model in F32, F16, BF16, Q8_0 or Q4_0"));
    if (shape.getFirst() % type.blockValues() != 0) {
      throw tensorError(
          "tensor row is not whole blocks",
          name,
          "shape=" + shape + ", type=" + type + ", blockValues=" + type.blockValues());
    }
    long offset = cursor.i64("the offset of " + name);
    if (offset < 0 || offset % alignment != 0) {
      throw tensorError(
          "tensor offset is not aligned",
          name,
          "offset=" + Long.toUnsignedString(offset) + ", alignment=" + alignment);
    }
    return new Declared(name, type, shape, offset, type.bytes(values));
  }

  /** Turns declarations into tensors once each is known to lie inside the file, alone. */
  private void place(List<Declared> declared, long start) {
    long available = Math.max(0, bytes.byteSize() - start);
    for (Declared tensor : declared) {
      if (tensor.bytes > available || tensor.offset > available - tensor.bytes) {
        throw tensorError(
            "tensor reaches past the end of the file",
            tensor.name,
            "offset=" + tensor.offset + ", bytes=" + tensor.bytes + ", available=" + available);
      }
      MemorySegment data = bytes.asSlice(start + tensor.offset, tensor.bytes);
      GgufTensor placed = new GgufTensor(tensor.name, tensor.type, tensor.shape, data);
      if (tensors.putIfAbsent(tensor.name, placed) != null) {
        throw tensorError("tensor given twice", tensor.name, "tensors=" + declared.size());
      }
    }
    List<Declared> byOffset = new ArrayList<>(declared);
    byOffset.sort(Comparator.comparingLong(Declared::offset));
    for (int i = 1; i < byOffset.size(); i++) {
      Declared before = byOffset.get(i - 1);
      Declared after = byOffset.get(i);
      if (before.end() > after.offset) {
        throw tensorError(
            "tensors overlap",
            after.name,
            "offset=" + after.offset + ", other=" + before.name + ", otherEnd=" + before.end());
      }
    }
  }

  private GgufException tensorError(String problem, String name, String facts) {
    return new GgufException(
        problem
            + ": file="
            + file
            + ", tensor="
            + name
            + ", "
            + facts
            + "; the file is damaged, fetch it again");
  }

  /** SHA-256 of the whole file. */
  public byte[] sha256() {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      for (long at = 0; at < bytes.byteSize(); at += HASHED_BYTES) {
        long piece = Math.min(HASHED_BYTES, bytes.byteSize() - at);
        digest.update(bytes.asSlice(at, piece).asByteBuffer());
      }
      return digest.digest();
    } catch (NoSuchAlgorithmException impossible) {
      throw new AssertionError("every Java has SHA-256", impossible);
    }
  }

  /** The name of the file, as messages give it. */
  public String file() {
    return file;
  }

  /** The version of the format, 2 or 3. */
  public int version() {
    return version;
  }

  /** The key-value pairs. */
  public Metadata metadata() {
    return metadata;
  }

  /** All tensors in file order. */
  public Collection<GgufTensor> tensors() {
    return Collections.unmodifiableCollection(tensors.values());
  }

  /** The tensor of this name, or null. */
  public @Nullable GgufTensor tensor(String name) {
    return tensors.get(name);
  }

  /** Unmaps the file; tensors must not be touched afterwards. */
  @Override
  public void close() {
    if (arena != null) {
      arena.close();
    }
  }
}
