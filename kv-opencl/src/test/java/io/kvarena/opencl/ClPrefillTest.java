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
 * Folding many queries at once: how the shape folds single ones decides every bit. The formats are
 * those of {@link SomePairs}, under which other tests fold the same programs.
 */
@NeedsOpenCl
final class ClPrefillTest {

  /** The shape for GPUs reads a number at a time, whatever the format. */
  private static final List<PageFormat> GPU_FORMATS = List.of(Formats.Q8_0);

  private static final int CASES = 16;
  private static final int[] DIMS = {1, 7, 16, 31, 33, 48, 80, 128, 257};
  private static final int[] GROUPS = {1, 2, 3, 4, 8, 17};

  private static ClKernel kernel(ClShape shape, int prefillFrom, int prefillRows) {
    return new ClKernel(
        ClDevices.all().getFirst(), shape, SomePairs.tuning(prefillFrom, prefillRows));
  }

  /** Every size of a page in turn, the rest drawn. */
  private static FoldCase draw(PageFormat format, int index, Random random) {
    FoldCase drawn =
        FoldCase.of(
            format,
            format,
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
    for (PageFormat format : shape == ClShape.CPU ? SomePairs.CHUNKED : GPU_FORMATS) {
      Random random = new Random(7 + format.code());
      for (int i = 0; i < CASES; i++) {
        FoldCase drawn = draw(format, i, random);
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
