package io.kvarena.llm.model;

import io.kvarena.llm.gguf.GgufTensor;
import io.kvarena.llm.gguf.TensorType;
import java.util.List;

/**
 * Weights of a linear map, held transposed, [inputs][outputs], one array for each input: so the
 * inner loop adds a multiple of a row to the outputs, which the JIT compiler turns into vector
 * instructions without help; a dot product it leaves scalar, because floats do not add
 * associatively.
 *
 * <p>Weights keep the precision and about the size they have in the file: F16 as 16 bits, Q8_0 and
 * Q4_0 as 8-bit codes with f32 scales, F32 and BF16 as f32.
 *
 * <p>What a token's outputs are does not depend on which other tokens are in the call: each output
 * is one chain of fused multiply-adds in the order of the inputs.
 */
sealed interface Matrix permits F32Matrix, F16Matrix, Q8Matrix {

  /** Rows that are decoded and transposed together, so that a cache line is written whole. */
  int TRANSPOSED_ROWS = 16;

  /** Tokens whose outputs are worked on together: they stay in a core's cache. */
  int TOKENS_PER_PASS = 32;

  /** Width of the input. */
  int inputs();

  /** Width of the output. */
  int outputs();

  /**
   * Adds the products of {@code tokens} inputs to {@code out}.
   *
   * @param in [tokens][inputs]
   * @param out [at least tokens][outputs]
   */
  void multiplyAdd(float[] in, float[][] out, int tokens);

  /** The matrix of tensors [outputs][inputs] stacked along their outputs. */
  static Matrix of(List<GgufTensor> stacked) {
    TensorType type = stacked.getFirst().type();
    boolean mixed = stacked.stream().anyMatch(tensor -> tensor.type() != type);
    if (mixed) {
      return F32Matrix.of(stacked);
    }
    return switch (type) {
      case F32, BF16 -> F32Matrix.of(stacked);
      case F16 -> F16Matrix.of(stacked);
      case Q8_0, Q4_0 -> Q8Matrix.of(stacked);
    };
  }

  /** Heap bytes that {@link #of} would take. */
  static long heapBytes(List<GgufTensor> stacked) {
    TensorType type = stacked.getFirst().type();
    boolean mixed = stacked.stream().anyMatch(tensor -> tensor.type() != type);
    long values = 0;
    for (GgufTensor tensor : stacked) {
      values += tensor.rows() * tensor.rowValues();
    }
    if (mixed) {
      return 4 * values;
    }
    return switch (type) {
      case F32, BF16 -> 4 * values;
      case F16 -> 2 * values;
      case Q8_0, Q4_0 -> values + values / 8;
    };
  }

  /** Outputs of all tensors together. */
  static int outputs(List<GgufTensor> stacked) {
    return (int) stacked.stream().mapToLong(GgufTensor::rows).sum();
  }
}
