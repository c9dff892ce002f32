package io.kvarena.ffi;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.kvarena.LayerShape;
import io.kvarena.attention.RawTile;
import io.kvarena.attention.RowKernel;
import io.kvarena.attention.ScalarRows;
import io.kvarena.format.PageFormat;
import io.kvarena.format.PageLayout;
import io.kvarena.format.TileKind;
import io.kvarena.transform.TransformInstance;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.ref.Reference;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Rows in C, for one instruction set; what C does not know is left to the specification. */
final class CRows implements RowKernel {

  private static final int CHANNELS_MAX = FoldStruct.CHANNELS_MAX;

  private static final MethodHandle SEAL =
      handle(FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS));
  private static final MethodHandle PUT =
      handle(FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS));
  private static final MethodHandle ROTATE =
      handle(FunctionDescriptor.ofVoid(JAVA_LONG, JAVA_LONG, JAVA_INT, ADDRESS, ADDRESS, ADDRESS));
  private static final MethodHandle BAD =
      handle(FunctionDescriptor.of(JAVA_LONG, ADDRESS, JAVA_LONG, JAVA_FLOAT));

  private final Functions functions;
  private final ScalarRows plain = new ScalarRows();
  private final MemorySegment seal = Arena.ofAuto().allocate(RowStructs.SEAL);
  private final MemorySegment put = Arena.ofAuto().allocate(RowStructs.PUT);
  private MemorySegment scratch = MemorySegment.NULL;

  /** The functions of an instruction set. */
  record Functions(MemorySegment seal, MemorySegment put, MemorySegment rotate, MemorySegment bad) {

    static Functions of(String isa, NativeLibrary library) {
      return new Functions(
          library.symbol("kv_seal_" + isa),
          library.symbol("kv_put_" + isa),
          library.symbol("kv_rotate_" + isa),
          library.symbol("kv_bad_" + isa));
    }
  }

  CRows(Functions functions) {
    this.functions = functions;
  }

  private static MethodHandle handle(FunctionDescriptor descriptor) {
    return Linker.nativeLinker().downcallHandle(descriptor);
  }

  private MemorySegment scratch(long floats) {
    if (scratch.byteSize() < 4 * floats) {
      scratch = Arena.ofAuto().allocate(4 * floats, 64);
    }
    return scratch;
  }

  @Override
  public boolean isGood(MemorySegment numbers, long count, float largest) {
    checkRoom("numbers", numbers, 0, 4 * count);
    try {
      return (long) BAD.invokeExact(functions.bad, numbers, count, largest) == 0;
    } catch (Throwable failed) {
      throw Downcalls.unexpected(failed);
    }
  }

  @Override
  public void put(
      PageLayout layout,
      MemorySegment slab,
      long offset,
      int slot,
      int tokens,
      MemorySegment keys,
      long keysOffset,
      MemorySegment values,
      long valuesOffset) {
    LayerShape layer = layout.layer();
    if (!isOurs(layout.keys()) || !isOurs(layout.values())) {
      plain.put(layout, slab, offset, slot, tokens, keys, keysOffset, values, valuesOffset);
      return;
    }
    long keyStride = (long) layer.kvHeads() * layer.keyDim();
    long valueStride = (long) layer.kvHeads() * layer.valueDim();
    Objects.checkFromIndexSize(slot, tokens, RawTile.GRANULE);
    checkRoom("granule", slab, offset, layout.pageBytes());
    checkRoom("keys", keys, keysOffset, room(tokens, keyStride, layout.heads() * layer.keyDim()));
    checkRoom(
        "values",
        values,
        valuesOffset,
        room(tokens, valueStride, layout.heads() * layer.valueDim()));
    put.set(JAVA_INT, RowStructs.PUT_HEADS, layout.heads());
    put.set(JAVA_INT, RowStructs.PUT_FIRST, slot);
    put.set(JAVA_INT, RowStructs.PUT_ROWS, tokens);
    put.set(JAVA_INT, RowStructs.PUT_KEY_DIM, layer.keyDim());
    put.set(JAVA_INT, RowStructs.PUT_VALUE_DIM, layer.valueDim());
    put.set(JAVA_LONG, RowStructs.PUT_KEY_STRIDE, keyStride);
    put.set(JAVA_LONG, RowStructs.PUT_VALUE_STRIDE, valueStride);
    put.set(JAVA_LONG, RowStructs.PUT_KEYS, keys.address() + keysOffset);
    put.set(JAVA_LONG, RowStructs.PUT_VALUES, values.address() + valuesOffset);
    put.set(JAVA_LONG, RowStructs.PUT_KEY_TILE_BYTES, layout.keyTileBytes());
    put.set(JAVA_LONG, RowStructs.PUT_VALUE_TILE_BYTES, layout.valueTileBytes());
    put.set(JAVA_LONG, RowStructs.PUT_GRANULE, slab.address() + offset);
    int status;
    try {
      status =
          (int) PUT.invokeExact(functions.put, layout.keys().code(), layout.values().code(), put);
    } catch (Throwable failed) {
      throw Downcalls.unexpected(failed);
    } finally {
      Reference.reachabilityFence(slab);
      Reference.reachabilityFence(keys);
      Reference.reachabilityFence(values);
    }
    checkStatus("put", status, layout);
  }

  /** Bytes from a row of the first of {@code tokens} tokens to the end of the last one's. */
  private static long room(int tokens, long stride, int floats) {
    return 4 * ((tokens - 1) * stride + floats);
  }

  @Override
  public void seal(
      RawTile raw,
      PageFormat format,
      @Nullable TransformInstance transform,
      MemorySegment page,
      long offset) {
    if (!isOurs(format) || raw.channels() > CHANNELS_MAX || raw.format() != format.raw()) {
      plain.seal(raw, format, transform, page, offset);
      return;
    }
    int tokens = raw.tokens();
    int channels = raw.channels();
    long granuleBytes = raw.format().tileBytes(raw.kind(), RawTile.GRANULE, channels);
    checkRoom("tile", page, offset, format.tileBytes(raw.kind(), tokens, channels));
    seal.set(JAVA_INT, RowStructs.SEAL_TOKENS, tokens);
    seal.set(JAVA_INT, RowStructs.SEAL_CHANNELS, channels);
    seal.set(JAVA_LONG, RowStructs.SEAL_LIVE, raw.live());
    for (int i = 0; i < tokens / RawTile.GRANULE; i++) {
      long address = 0;
      if (raw.has(i)) {
        checkRoom("granule", raw.slab(i), raw.offset(i), granuleBytes);
        address = raw.slab(i).address() + raw.offset(i);
      }
      seal.set(JAVA_LONG, RowStructs.SEAL_GRANULES + 8L * i, address);
    }
    setTransform(transform, channels);
    seal.set(JAVA_FLOAT, RowStructs.SEAL_LARGEST, format.magnitudeMax());
    seal.set(
        JAVA_LONG, RowStructs.SEAL_SCRATCH, scratch((tokens + 15L) / 16 * 16 * channels).address());
    seal.set(JAVA_LONG, RowStructs.SEAL_TILE, page.address() + offset);
    int status;
    try {
      status =
          (int)
              SEAL.invokeExact(
                  functions.seal,
                  raw.kind() == TileKind.KEYS ? 1 : 0,
                  format.code(),
                  raw.format().code(),
                  seal);
    } catch (Throwable failed) {
      throw Downcalls.unexpected(failed);
    } finally {
      Reference.reachabilityFence(raw);
      Reference.reachabilityFence(transform);
      Reference.reachabilityFence(page);
    }
    checkStatus("seal", status, format);
  }

  private void setTransform(@Nullable TransformInstance transform, int channels) {
    if (transform == null) {
      seal.set(JAVA_LONG, RowStructs.SEAL_MEAN, 0);
      seal.set(JAVA_LONG, RowStructs.SEAL_FACTORS, 0);
      seal.set(JAVA_INT, RowStructs.SEAL_ROTATED, 0);
      return;
    }
    if (transform.channels() != channels) {
      throw new IllegalArgumentException(
          "the transform is of other rows: channels="
              + transform.channels()
              + ", wanted="
              + channels
              + "; make one for these");
    }
    seal.set(JAVA_LONG, RowStructs.SEAL_MEAN, transform.mean().address());
    seal.set(JAVA_LONG, RowStructs.SEAL_FACTORS, transform.factors().address());
    seal.set(JAVA_INT, RowStructs.SEAL_ROTATED, transform.isRotated() ? 1 : 0);
  }

  @Override
  public void query(TransformInstance by, MemorySegment queries, long offset, int rows) {
    if (!by.isRotated() || by.channels() > CHANNELS_MAX) {
      plain.query(by, queries, offset, rows);
      return;
    }
    rotate(by, queries, offset, rows, by.queryFactors(), MemorySegment.NULL);
  }

  @Override
  public void back(TransformInstance by, MemorySegment sums, long offset, int rows) {
    if (by.isBalanced() || by.channels() > CHANNELS_MAX) {
      plain.back(by, sums, offset, rows);
    } else if (by.isRotated()) {
      rotate(by, sums, offset, rows, MemorySegment.NULL, by.factors());
    }
  }

  private void rotate(
      TransformInstance by,
      MemorySegment rows,
      long offset,
      int count,
      MemorySegment before,
      MemorySegment after) {
    checkRoom("rows", rows, offset, 4L * count * by.channels());
    try {
      ROTATE.invokeExact(
          functions.rotate,
          rows.address() + offset, // a slice would be an object
          (long) count,
          by.channels(),
          before,
          after,
          scratch(16L * by.channels()));
    } catch (Throwable failed) {
      throw Downcalls.unexpected(failed);
    } finally {
      Reference.reachabilityFence(rows);
      Reference.reachabilityFence(by);
    }
  }

  private static boolean isOurs(PageFormat format) {
    return CKernel.isOurs(format);
  }

  /** C believes every address that it is given, so none may be wrong. */
  private static void checkRoom(String what, MemorySegment in, long offset, long bytes) {
    if (!in.isNative() || offset < 0 || offset > in.byteSize() - bytes) {
      throw new IllegalArgumentException(
          what
              + " must lie in native memory that holds it: offset="
              + offset
              + ", bytes="
              + bytes
              + ", segmentBytes="
              + in.byteSize()
              + ", native="
              + in.isNative()
              + "; copy it to native memory first");
    }
  }

  private static void checkStatus(String what, int status, Object of) {
    if (status != 0) {
      throw new IllegalArgumentException(
          "rows cannot be written in C: function="
              + what
              + ", status="
              + status
              + ", of="
              + of
              + "; use ScalarRows");
    }
  }

  @Override
  public long bytes() {
    return scratch.byteSize() + seal.byteSize() + put.byteSize();
  }
}
