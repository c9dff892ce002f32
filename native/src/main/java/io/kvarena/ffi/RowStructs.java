package io.kvarena.ffi;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.kvarena.attention.RawTile;
import io.kvarena.format.PageLayout;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.StructLayout;

/** The C structs {@code kv_seal} and {@code kv_put}: which rows to write, and where. */
final class RowStructs {

  static final StructLayout SEAL =
      MemoryLayout.structLayout(
          JAVA_INT.withName("tokens"),
          JAVA_INT.withName("channels"),
          JAVA_LONG.withName("live"),
          MemoryLayout.sequenceLayout(PageLayout.TOKENS_MAX / RawTile.GRANULE, ADDRESS)
              .withName("granules"),
          ADDRESS.withName("mean"),
          ADDRESS.withName("factors"),
          JAVA_INT.withName("rotated"),
          JAVA_FLOAT.withName("largest"),
          ADDRESS.withName("scratch"),
          ADDRESS.withName("tile"));

  static final StructLayout PUT =
      MemoryLayout.structLayout(
          JAVA_INT.withName("heads"),
          JAVA_INT.withName("first"),
          JAVA_INT.withName("rows"),
          JAVA_INT.withName("key_dim"),
          JAVA_INT.withName("value_dim"),
          MemoryLayout.paddingLayout(4),
          JAVA_LONG.withName("key_stride"),
          JAVA_LONG.withName("value_stride"),
          ADDRESS.withName("keys"),
          ADDRESS.withName("values"),
          JAVA_LONG.withName("key_tile_bytes"),
          JAVA_LONG.withName("value_tile_bytes"),
          ADDRESS.withName("granule"));

  static final long SEAL_TOKENS = offset(SEAL, "tokens");
  static final long SEAL_CHANNELS = offset(SEAL, "channels");
  static final long SEAL_LIVE = offset(SEAL, "live");
  static final long SEAL_GRANULES = offset(SEAL, "granules");
  static final long SEAL_MEAN = offset(SEAL, "mean");
  static final long SEAL_FACTORS = offset(SEAL, "factors");
  static final long SEAL_ROTATED = offset(SEAL, "rotated");
  static final long SEAL_LARGEST = offset(SEAL, "largest");
  static final long SEAL_SCRATCH = offset(SEAL, "scratch");
  static final long SEAL_TILE = offset(SEAL, "tile");

  static final long PUT_HEADS = offset(PUT, "heads");
  static final long PUT_FIRST = offset(PUT, "first");
  static final long PUT_ROWS = offset(PUT, "rows");
  static final long PUT_KEY_DIM = offset(PUT, "key_dim");
  static final long PUT_VALUE_DIM = offset(PUT, "value_dim");
  static final long PUT_KEY_STRIDE = offset(PUT, "key_stride");
  static final long PUT_VALUE_STRIDE = offset(PUT, "value_stride");
  static final long PUT_KEYS = offset(PUT, "keys");
  static final long PUT_VALUES = offset(PUT, "values");
  static final long PUT_KEY_TILE_BYTES = offset(PUT, "key_tile_bytes");
  static final long PUT_VALUE_TILE_BYTES = offset(PUT, "value_tile_bytes");
  static final long PUT_GRANULE = offset(PUT, "granule");

  private RowStructs() {}

  private static long offset(StructLayout of, String field) {
    return of.byteOffset(PathElement.groupElement(field));
  }
}
