package io.kvarena.llm.gguf;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The typed key-value pairs of a model file. Values stay in the file until asked for; asking for
 * the wrong type or a value out of range throws {@link GgufException}.
 */
public final class Metadata {
  /** The longest text that a key may hold, in bytes. */
  static final int TEXT_BYTES_MAX = 16 << 20;

  /** The most elements of an array that is read: eight times today's largest vocabularies. */
  static final int ARRAY_LENGTH_MAX = 1 << 21;

  private static final ValueLayout.OfShort SHORT = TensorType.SHORT;
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(LITTLE_ENDIAN);
  private static final ValueLayout.OfDouble DOUBLE =
      ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(LITTLE_ENDIAN);

  /** Where a value starts: its bytes, or for an array its first element. */
  private record Value(ValueType type, ValueType element, long count, long offset) {}

  private final Map<String, Value> values = new LinkedHashMap<>();
  private final MemorySegment bytes;
  private final String file;

  Metadata(MemorySegment bytes, String file) {
    this.bytes = bytes;
    this.file = file;
  }

  /** Reads one pair and steps over its value; everything a later look-up trusts is checked here. */
  void read(Cursor cursor) {
    long at = cursor.position();
    String key = cursor.name(Gguf.KEY_BYTES_MAX, "a metadata key");
    ValueType type = type(cursor, key);
    Value value;
    if (type == ValueType.ARRAY) {
      ValueType element = type(cursor, key);
      if (element == ValueType.ARRAY) {
        throw new GgufException(
            "arrays of arrays are not supported: file="
                + file
                + ", key="
                + key
                + "; convert the model again with a current converter");
      }
      long count = cursor.count(Long.MAX_VALUE, element.bytesMin, "the length of array " + key);
      value = new Value(type, element, count, cursor.position());
      if (element == ValueType.STRING) {
        for (long i = 0; i < count; i++) {
          cursor.skipString("a string of array " + key);
        }
      } else {
        cursor.take(count * element.bytesMin, "array " + key);
      }
    } else if (type == ValueType.STRING) {
      value = new Value(type, type, 1, cursor.skipString("the value of " + key));
    } else {
      value = new Value(type, type, 1, cursor.take(type.bytesMin, "the value of " + key));
    }
    if (values.putIfAbsent(key, value) != null) {
      throw new GgufException(
          "metadata key given twice: file="
              + file
              + ", offset="
              + at
              + ", key="
              + key
              + "; the file is damaged, fetch it again");
    }
  }

  private ValueType type(Cursor cursor, String key) {
    int id = cursor.i32("the type of " + key);
    ValueType type = ValueType.of(id);
    if (type == null) {
      throw new GgufException(
          "unknown metadata type: file="
              + file
              + ", key="
              + key
              + ", type="
              + Integer.toUnsignedString(id)
              + "; the file is damaged or newer than this reader");
    }
    return type;
  }

  /** The keys in file order. */
  public Set<String> keys() {
    return Collections.unmodifiableSet(values.keySet());
  }

  /** Whether the file has this key. */
  public boolean has(String key) {
    return values.containsKey(key);
  }

  /** Whether the key holds an array. */
  public boolean isArray(String key) {
    Value value = values.get(key);
    return value != null && value.type == ValueType.ARRAY;
  }

  /** A text that must be there. */
  public String text(String key) {
    return text(key, required(key));
  }

  /** A text, or {@code fallback} where the key is missing. */
  public String text(String key, String fallback) {
    Value value = values.get(key);
    return value == null ? fallback : text(key, value);
  }

  private String text(String key, Value value) {
    if (value.type != ValueType.STRING) {
      throw wrongType(key, value, "a string");
    }
    return text(key, value.offset);
  }

  private String text(String key, long offset) {
    long length = bytes.get(LONG, offset);
    if (length > TEXT_BYTES_MAX) {
      throw new GgufException(
          "text too long: file="
              + file
              + ", key="
              + key
              + ", bytes="
              + length
              + ", limit="
              + TEXT_BYTES_MAX
              + "; the file is damaged, fetch it again");
    }
    byte[] text = bytes.asSlice(offset + 8, length).toArray(ValueLayout.JAVA_BYTE);
    return new String(text, StandardCharsets.UTF_8);
  }

  /** An integer in {@code min..max} that must be there. */
  public int integer(String key, int min, int max) {
    return integer(key, required(key), 0, min, max);
  }

  /** An integer in {@code min..max}, or {@code fallback} where the key is missing. */
  public int integer(String key, int min, int max, int fallback) {
    Value value = values.get(key);
    return value == null ? fallback : integer(key, value, 0, min, max);
  }

  /** An array of integers in {@code min..max}, or the one integer that stands for {@code count}. */
  public int[] integers(String key, int count, int min, int max) {
    Value value = required(key);
    if (value.type == ValueType.ARRAY && value.count != count) {
      throw wrongLength(key, value, count);
    }
    int[] integers = new int[count];
    for (int i = 0; i < count; i++) {
      integers[i] = integer(key, value, value.type == ValueType.ARRAY ? i : 0, min, max);
    }
    return integers;
  }

  private int integer(String key, Value value, int index, int min, int max) {
    if (!value.element.isInteger()) {
      throw wrongType(key, value, "an integer");
    }
    long at = value.offset + (long) index * value.element.bytesMin;
    long number =
        switch (value.element) {
          case UINT8 -> bytes.get(ValueLayout.JAVA_BYTE, at) & 0xffL;
          case INT8 -> bytes.get(ValueLayout.JAVA_BYTE, at);
          case UINT16 -> bytes.get(SHORT, at) & 0xffffL;
          case INT16 -> bytes.get(SHORT, at);
          case UINT32 -> bytes.get(INT, at) & 0xffffffffL;
          case INT32 -> bytes.get(INT, at);
          default -> bytes.get(LONG, at);
        };
    // a uint64 beyond the signed range reads as negative
    boolean wraps = value.element == ValueType.UINT64 && number < 0;
    if (wraps || number < min || number > max) {
      throw new GgufException(
          "metadata value out of range: file="
              + file
              + ", key="
              + key
              + ", value="
              + (wraps ? Long.toUnsignedString(number) : Long.toString(number))
              + ", min="
              + min
              + ", max="
              + max
              + "; the file is damaged or not a model this library runs");
    }
    return (int) number;
  }

  /** A finite number, or {@code fallback} where the key is missing; integers count as numbers. */
  public double real(String key, double fallback) {
    Value value = values.get(key);
    return value == null ? fallback : real(key, value, 0);
  }

  /** An array of finite numbers. */
  public float[] reals(String key) {
    Value value = requiredArray(key);
    float[] reals = new float[(int) value.count];
    for (int i = 0; i < reals.length; i++) {
      reals[i] = (float) real(key, value, i);
    }
    return reals;
  }

  private double real(String key, Value value, int index) {
    if (value.element.isInteger()) {
      return integer(key, value, index, Integer.MIN_VALUE, Integer.MAX_VALUE);
    }
    if (!value.element.isReal()) {
      throw wrongType(key, value, "a number");
    }
    long at = value.offset + (long) index * value.element.bytesMin;
    double number =
        value.element == ValueType.FLOAT32
            ? bytes.get(TensorType.FLOAT, at)
            : bytes.get(DOUBLE, at);
    if (!Double.isFinite(number)) {
      throw new GgufException(
          "metadata value is not finite: file="
              + file
              + ", key="
              + key
              + ", value="
              + number
              + "; the file is damaged, fetch it again");
    }
    return number;
  }

  /** A flag, or {@code fallback} where the key is missing. */
  public boolean flag(String key, boolean fallback) {
    Value value = values.get(key);
    if (value == null) {
      return fallback;
    }
    if (value.type != ValueType.BOOL) {
      throw wrongType(key, value, "a flag");
    }
    return bytes.get(ValueLayout.JAVA_BYTE, value.offset) != 0;
  }

  /** An array of texts that must be there. */
  public List<String> texts(String key) {
    Value value = requiredArray(key);
    if (value.element != ValueType.STRING) {
      throw wrongType(key, value, "an array of strings");
    }
    List<String> texts = new ArrayList<>();
    long offset = value.offset;
    for (long i = 0; i < value.count; i++) {
      texts.add(text(key, offset));
      offset += 8 + bytes.get(LONG, offset);
    }
    return texts;
  }

  private Value required(String key) {
    Value value = values.get(key);
    if (value == null) {
      throw new GgufException(
          "metadata key missing: file="
              + file
              + ", key="
              + key
              + "; convert the model again with a current converter");
    }
    return value;
  }

  private Value requiredArray(String key) {
    Value value = required(key);
    if (value.type != ValueType.ARRAY) {
      throw wrongType(key, value, "an array");
    }
    if (value.count > ARRAY_LENGTH_MAX) {
      throw wrongLength(key, value, ARRAY_LENGTH_MAX);
    }
    return value;
  }

  private GgufException wrongType(String key, Value value, String wanted) {
    return new GgufException(
        "metadata value is not "
            + wanted
            + ": file="
            + file
            + ", key="
            + key
            + ", type="
            + value.type
            + (value.type == ValueType.ARRAY ? " of " + value.element : "")
            + "; convert the model again with a current converter");
  }

  private GgufException wrongLength(String key, Value value, int limit) {
    return new GgufException(
        "metadata array has the wrong length: file="
            + file
            + ", key="
            + key
            + ", length="
            + value.count
            + ", expected="
            + limit
            + "; convert the model again with a current converter");
  }
}
