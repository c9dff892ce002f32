package io.kvarena.llm.gguf;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Writes GGUF files for tests, sound ones and, through its overrides, ones that are not. */
public final class GgufBuilder {
  public static final int UINT8 = 0;
  public static final int UINT32 = 4;
  public static final int INT32 = 5;
  public static final int FLOAT32 = 6;
  public static final int BOOL = 7;
  public static final int STRING = 8;
  public static final int ARRAY = 9;
  public static final int UINT64 = 10;

  private record Tensor(String name, int type, long[] shape, long offset) {}

  private final List<byte[]> pairs = new ArrayList<>();
  private final List<Tensor> tensors = new ArrayList<>();
  private final ByteArrayOutputStream data = new ByteArrayOutputStream();
  private int magic = 0x46554747;
  private int version = 3;
  private int alignment = 32;
  private Long tensorCount;
  private Long pairCount;

  public GgufBuilder magic(int magic) {
    this.magic = magic;
    return this;
  }

  public GgufBuilder version(int version) {
    this.version = version;
    return this;
  }

  /** Declares this many tensors, whatever there are. */
  public GgufBuilder tensorCount(long count) {
    tensorCount = count;
    return this;
  }

  /** Declares this many pairs, whatever there are. */
  public GgufBuilder pairCount(long count) {
    pairCount = count;
    return this;
  }

  /** Aligns the data so, and says it in the metadata. */
  public GgufBuilder alignment(int alignment) {
    this.alignment = alignment;
    return u32("general.alignment", alignment);
  }

  /** A pair with a value as it stands in the file. */
  public GgufBuilder pair(String key, int type, byte[] value) {
    return rawPair(join(string(key), int32(type), value));
  }

  /** A pair as it stands in the file. */
  public GgufBuilder rawPair(byte[] pair) {
    pairs.add(pair);
    return this;
  }

  public GgufBuilder u32(String key, long value) {
    return pair(key, UINT32, int32((int) value));
  }

  public GgufBuilder real(String key, float value) {
    return pair(key, FLOAT32, int32(Float.floatToRawIntBits(value)));
  }

  public GgufBuilder flag(String key, boolean value) {
    return pair(key, BOOL, new byte[] {(byte) (value ? 1 : 0)});
  }

  public GgufBuilder text(String key, String value) {
    return pair(key, STRING, string(value));
  }

  public GgufBuilder texts(String key, List<String> values) {
    ByteArrayOutputStream out = array(STRING, values.size());
    values.forEach(value -> out.writeBytes(string(value)));
    return pair(key, ARRAY, out.toByteArray());
  }

  public GgufBuilder integers(String key, List<Integer> values) {
    ByteArrayOutputStream out = array(INT32, values.size());
    values.forEach(value -> out.writeBytes(int32(value)));
    return pair(key, ARRAY, out.toByteArray());
  }

  public GgufBuilder reals(String key, List<Float> values) {
    ByteArrayOutputStream out = array(FLOAT32, values.size());
    values.forEach(value -> out.writeBytes(int32(Float.floatToRawIntBits(value))));
    return pair(key, ARRAY, out.toByteArray());
  }

  /** A tensor and its data, at the next aligned offset. */
  public GgufBuilder tensor(String name, int type, byte[] bytes, long... shape) {
    tensors.add(new Tensor(name, type, shape.clone(), data.size()));
    data.writeBytes(bytes);
    data.writeBytes(new byte[Math.floorMod(-data.size(), alignment)]);
    return this;
  }

  /** A tensor that is only declared. */
  public GgufBuilder declared(String name, int type, long offset, long... shape) {
    tensors.add(new Tensor(name, type, shape.clone(), offset));
    return this;
  }

  public byte[] build() {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(join(int32(magic), int32(version)));
    out.writeBytes(int64(tensorCount == null ? tensors.size() : tensorCount));
    out.writeBytes(int64(pairCount == null ? pairs.size() : pairCount));
    pairs.forEach(out::writeBytes);
    for (Tensor tensor : tensors) {
      out.writeBytes(join(string(tensor.name), int32(tensor.shape.length)));
      for (long length : tensor.shape) {
        out.writeBytes(int64(length));
      }
      out.writeBytes(join(int32(tensor.type), int64(tensor.offset)));
    }
    out.writeBytes(new byte[Math.floorMod(-out.size(), alignment)]);
    out.writeBytes(data.toByteArray());
    return out.toByteArray();
  }

  private static ByteArrayOutputStream array(int type, long count) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(arrayHead(type, count));
    return out;
  }

  /** An array's element type and length. */
  public static byte[] arrayHead(int type, long count) {
    return join(int32(type), int64(count));
  }

  public static byte[] string(String value) {
    byte[] utf8 = value.getBytes(StandardCharsets.UTF_8);
    return join(int64(utf8.length), utf8);
  }

  public static byte[] int32(int value) {
    return ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array();
  }

  public static byte[] int64(long value) {
    return ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array();
  }

  public static byte[] join(byte[]... parts) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      out.writeBytes(part);
    }
    return out.toByteArray();
  }
}
