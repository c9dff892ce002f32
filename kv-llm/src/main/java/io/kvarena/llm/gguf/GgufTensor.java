package io.kvarena.llm.gguf;

import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * A tensor of a model file: {@code shape} lists the dimensions as the file does, innermost first,
 * so that a weight matrix [outputs][inputs] has the shape (inputs, outputs).
 *
 * @param name the tensor's name
 * @param type how the values are stored
 * @param shape dimensions, innermost first, each at least 1
 * @param data the bytes, inside the file and overlapping no other tensor
 */
public record GgufTensor(String name, TensorType type, List<Long> shape, MemorySegment data) {

  public GgufTensor {
    shape = List.copyOf(shape);
  }

  /** Values of one row: the innermost dimension. */
  public long rowValues() {
    return shape.getFirst();
  }

  /** How many rows there are: the product of the other dimensions. */
  public long rows() {
    return shape.stream().skip(1).reduce(1L, Math::multiplyExact);
  }

  /** The bytes of row {@code index}. */
  public MemorySegment row(long index) {
    long bytes = type.bytes(rowValues());
    return data.asSlice(index * bytes, bytes);
  }

  /** Decodes row {@code index}; {@code out} holds exactly one row. */
  public void decodeRow(long index, float[] out) {
    type.decode(row(index), out);
  }
}
