package io.kvarena.llm.gguf;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Map;
import java.util.Optional;

/**
 * How a tensor's values are stored in the file: rows of blocks in ggml's order, little endian.
 *
 * <p>A Q8_0 block is an f16 scale d and 32 signed bytes, value = d·code. A Q4_0 block is an f16
 * scale d and 16 bytes whose low nibbles are the codes of the first 16 values and whose high
 * nibbles those of the last 16, value = d·(code − 8).
 */
public enum TensorType {
  F32(0, 1, 4),
  F16(1, 1, 2),
  Q4_0(2, 32, 18),
  Q8_0(8, 32, 34),
  BF16(30, 1, 2);

  /** The names of ggml's other types, for the message of whoever meets one. */
  private static final Map<Integer, String> UNSUPPORTED =
      Map.ofEntries(
          Map.entry(3, "Q4_1"),
          Map.entry(6, "Q5_0"),
          Map.entry(7, "Q5_1"),
          Map.entry(9, "Q8_1"),
          Map.entry(10, "Q2_K"),
          Map.entry(11, "Q3_K"),
          Map.entry(12, "Q4_K"),
          Map.entry(13, "Q5_K"),
          Map.entry(14, "Q6_K"),
          Map.entry(15, "Q8_K"),
          Map.entry(16, "IQ2_XXS"),
          Map.entry(17, "IQ2_XS"),
          Map.entry(18, "IQ3_XXS"),
          Map.entry(19, "IQ1_S"),
          Map.entry(20, "IQ4_NL"),
          Map.entry(21, "IQ3_S"),
          Map.entry(22, "IQ2_S"),
          Map.entry(23, "IQ4_XS"),
          Map.entry(24, "I8"),
          Map.entry(25, "I16"),
          Map.entry(26, "I32"),
          Map.entry(27, "I64"),
          Map.entry(28, "F64"),
          Map.entry(29, "IQ1_M"),
          Map.entry(34, "TQ1_0"),
          Map.entry(35, "TQ2_0"),
          Map.entry(39, "MXFP4"));

  static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(LITTLE_ENDIAN);
  static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(LITTLE_ENDIAN);

  private final int id;
  private final int blockValues;
  private final int blockBytes;

  TensorType(int id, int blockValues, int blockBytes) {
    this.id = id;
    this.blockValues = blockValues;
    this.blockBytes = blockBytes;
  }

  /** The number that stands for this type in a file. */
  public int id() {
    return id;
  }

  /** Values in a block. */
  public int blockValues() {
    return blockValues;
  }

  /** Bytes of a block. */
  public int blockBytes() {
    return blockBytes;
  }

  /** Bytes of {@code values} values, a multiple of {@link #blockValues}. */
  public long bytes(long values) {
    return Math.multiplyExact(values / blockValues, (long) blockBytes);
  }

  /** The type with this number, or nothing where this library does not read it. */
  static Optional<TensorType> of(int id) {
    for (TensorType type : values()) {
      if (type.id == id) {
        return Optional.of(type);
      }
    }
    return Optional.empty();
  }

  /** ggml's name for a type number this library does not read. */
  static String unsupportedName(int id) {
    return UNSUPPORTED.getOrDefault(id, "unknown");
  }

  /** Decodes the first {@code out.length} values of {@code blocks}. */
  public void decode(MemorySegment blocks, float[] out) {
    switch (this) {
      case F32 -> MemorySegment.copy(blocks, FLOAT, 0, out, 0, out.length);
      case F16 -> {
        for (int i = 0; i < out.length; i++) {
          out[i] = Float.float16ToFloat(blocks.get(SHORT, 2L * i));
        }
      }
      case BF16 -> {
        for (int i = 0; i < out.length; i++) {
          out[i] = Float.intBitsToFloat(blocks.get(SHORT, 2L * i) << 16);
        }
      }
      case Q8_0, Q4_0 -> {
        byte[] codes = new byte[blockValues];
        for (int from = 0; from < out.length; from += blockValues) {
          float scale = decodeBlock(blocks, from / blockValues, codes, 0);
          for (int i = 0; i < blockValues; i++) {
            out[from + i] = scale * codes[i];
          }
        }
      }
    }
  }

  /**
   * Unpacks block {@code block} of a quantised type to signed codes at {@code codes[at…]} and
   * returns the scale: value = scale·code.
   */
  public float decodeBlock(MemorySegment blocks, long block, byte[] codes, int at) {
    long offset = block * blockBytes;
    float scale = Float.float16ToFloat(blocks.get(SHORT, offset));
    switch (this) {
      case Q8_0 ->
          MemorySegment.copy(blocks, ValueLayout.JAVA_BYTE, offset + 2, codes, at, blockValues);
      case Q4_0 -> {
        int half = blockValues / 2;
        for (int i = 0; i < half; i++) {
          int pair = blocks.get(ValueLayout.JAVA_BYTE, offset + 2 + i);
          codes[at + i] = (byte) ((pair & 15) - 8);
          codes[at + half + i] = (byte) ((pair >> 4 & 15) - 8);
        }
      }
      case F32, F16, BF16 -> throw new IllegalStateException("not a quantised type: type=" + this);
    }
    return scale;
  }
}
