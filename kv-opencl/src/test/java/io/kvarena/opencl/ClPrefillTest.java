package io.kvarena.opencl;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.kvarena.attention.AttentionState;
import io.kvarena.format.Formats;
import io.kvarena.format.PageFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Folding many queries at once: how the shape folds single ones decides every bit.
 *
 * <p>A program takes a second or two to compile, so that only a few pairs are here: with and
 * without scales and mins, with loads of 1, 4 and 16 numbers, with a third plane of bits. Single
 * queries of these pairs are folded elsewhere too, and long prompts under {@link
 * ClKernelCacheTest}.
 */
@NeedsOpenCl
final class ClPrefillTest {

  private record Pair(PageFormat keys, PageFormat values) {}

  private static final List<Pair> CPU_PAIRS =
      List.of(
          new Pair(Formats.KIVI2, Formats.F16),
          new Pair(Formats.Q8_0, Formats.TURBO3),
          new Pair(Formats.FP8_E4M3, Formats.KIVI2));

  /** The shape for GPUs reads a number at a time, whatever the format. */
  private static final List<Pair> GPU_PAIRS = List.of(new Pair(Formats.Q8_0, Formats.Q8_0));

  private static final int CASES = 16;
  private static final int[] DIMS = {1, 7, 16, 31, 33, 48, 80, 128, 257};
  private static final int[] GROUPS = {1, 2, 3, 4, 8, 17};

  private static ClKernel kernel(ClShape shape, int prefillFrom, int prefillRows) {
    return new ClKernel(
        ClDevices.all().getFirst(),
        shape,
        new ClTuning(
            ClTuning.DEFAULT.splitTokens(),
            ClTuning.DEFAULT.blockRows(),
            prefillFrom,
            prefillRows));
  }

  /** Every size of a page in turn, the rest drawn. */
  private static FoldCase draw(Pair pair, int index, Random random) {
    FoldCase drawn =
        FoldCase.of(
            pair.keys,
            pair.values,
            8 * (1 + index % 8),
            1 + random.nextInt(2),
            GROUPS[random.nextInt(GROUPS.length)],
            DIMS[random.nextInt(DIMS.length)],
            DIMS[random.nextInt(DIMS.length)],
            1 + random.nextInt(20),
            random.nextInt(3) == 0 ? 15 : 0,
            random.nextLong());
    ClKernelTest.scatter(drawn);
    return drawn;
  }

  @ParameterizedTest
  @EnumSource(ClShape.class)
  void fold_manyQueries_hasTheBitsOfSingleOnesAndIsNearDoubleArithmetic(ClShape shape) {
    ClKernel single = kernel(shape, ClTuning.FROM_MAX, 64);
    for (Pair pair : shape == ClShape.CPU ? CPU_PAIRS : GPU_PAIRS) {
      Random random = new Random(7 + pair.keys.code());
      for (int i = 0; i < CASES; i++) {
        FoldCase drawn = draw(pair, i, random);
        AttentionState many = drawn.fold(kernel(shape, 1, ClTuning.ROWS_MIN << random.nextInt(6)));
        ClKernelTest.assertSameBits(drawn.fold(single), many);
        ClKernelTest.assertNear(drawn, many);
      }
    }
  }

  @Test
  void program_manyQueries_needRowsAndLocalMemory() {
    FoldCase drawn = FoldCase.of(Formats.F16, Formats.F16, 32, 8, 4, 128, 128, 8, 0, 1);
    long local = ClProgram.CPU_PREFILL.tilesBytes(drawn.layout);
    // 32 tokens of 128 channels, twice, a scale and two mins of 32 channels each
    assertEquals(4 * 32 * (128 + 128 + 4 + 2 * 4), local);
    assertEquals(
        ClProgram.CPU_PREFILL, ClShape.CPU.program(drawn.layout, 16, ClTuning.DEFAULT, local));
    assertEquals(
        ClProgram.CPU_DECODE, ClShape.CPU.program(drawn.layout, 15, ClTuning.DEFAULT, local));
    assertEquals(
        ClProgram.CPU_DECODE, ClShape.CPU.program(drawn.layout, 16, ClTuning.DEFAULT, local - 1));
  }
}
