package io.kvarena.llm.gguf;

import org.jspecify.annotations.Nullable;

/** The type of a metadata value, in the order of its number in the file. */
enum ValueType {
  UINT8(1),
  INT8(1),
  UINT16(2),
  INT16(2),
  UINT32(4),
  INT32(4),
  FLOAT32(4),
  BOOL(1),
  STRING(8),
  ARRAY(12),
  UINT64(8),
  INT64(8),
  FLOAT64(8);

  /** Bytes of a value; of its length prefix where the length varies. */
  final int bytesMin;

  ValueType(int bytesMin) {
    this.bytesMin = bytesMin;
  }

  /** The type with number {@code id}, or null. */
  static @Nullable ValueType of(int id) {
    return id >= 0 && id < values().length ? values()[id] : null;
  }

  boolean isInteger() {
    return switch (this) {
      case UINT8, INT8, UINT16, INT16, UINT32, INT32, UINT64, INT64 -> true;
      case FLOAT32, FLOAT64, BOOL, STRING, ARRAY -> false;
    };
  }

  boolean isReal() {
    return this == FLOAT32 || this == FLOAT64;
  }
}
