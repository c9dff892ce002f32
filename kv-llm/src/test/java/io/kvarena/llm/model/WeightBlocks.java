package io.kvarena.llm.model;

import io.kvarena.llm.gguf.TensorType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Random weights in the blocks of a file, and in double precision exactly what those blocks mean.
 *
 * @param bytes as in a file
 * @param values [rows · rowValues]
 */
record WeightBlocks(byte[] bytes, double[] values) {

  static WeightBlocks of(TensorType type, double[] wanted) {
    ByteBuffer out =
        ByteBuffer.allocate((int) type.bytes(wanted.length)).order(ByteOrder.LITTLE_ENDIAN);
    double[] values = new double[wanted.length];
    switch (type) {
      case F32 -> {
        for (int i = 0; i < values.length; i++) {
          values[i] = (float) wanted[i];
          out.putFloat((float) wanted[i]);
        }
      }
      case F16 -> {
        for (int i = 0; i < values.length; i++) {
          short half = Float.floatToFloat16((float) wanted[i]);
          values[i] = Float.float16ToFloat(half);
          out.putShort(half);
        }
      }
      case BF16 -> {
        for (int i = 0; i < values.length; i++) {
          int upper = Float.floatToRawIntBits((float) wanted[i]) & 0xffff0000;
          values[i] = Float.intBitsToFloat(upper);
          out.putShort((short) (upper >>> 16));
        }
      }
      case Q8_0 -> {
        for (int block = 0; block < values.length; block += 32) {
          q8Block(wanted, values, block, out);
        }
      }
      case Q4_0 -> {
        for (int block = 0; block < values.length; block += 32) {
          q4Block(wanted, values, block, out);
        }
      }
    }
    return new WeightBlocks(out.array(), values);
  }

  private static double largest(double[] wanted, int block) {
    double largest = 1e-6;
    for (int i = block; i < block + 32; i++) {
      largest = Math.max(largest, Math.abs(wanted[i]));
    }
    return largest;
  }

  private static void q8Block(double[] wanted, double[] values, int block, ByteBuffer out) {
    short half = Float.floatToFloat16((float) (largest(wanted, block) / 127));
    double scale = Float.float16ToFloat(half);
    out.putShort(half);
    for (int i = block; i < block + 32; i++) {
      long code = Math.clamp(Math.round(wanted[i] / scale), -128, 127);
      values[i] = scale * code;
      out.put((byte) code);
    }
  }

  private static void q4Block(double[] wanted, double[] values, int block, ByteBuffer out) {
    short half = Float.floatToFloat16((float) (largest(wanted, block) / 7));
    double scale = Float.float16ToFloat(half);
    out.putShort(half);
    int[] codes = new int[32];
    for (int i = 0; i < 32; i++) {
      codes[i] = Math.clamp(Math.round(wanted[block + i] / scale) + 8, 0, 15);
      values[block + i] = scale * (codes[i] - 8);
    }
    for (int i = 0; i < 16; i++) {
      out.put((byte) (codes[i] | codes[16 + i] << 4));
    }
  }
}
