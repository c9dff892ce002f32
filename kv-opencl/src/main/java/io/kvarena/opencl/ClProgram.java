package io.kvarena.opencl;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.kvarena.format.PageLayout;
import java.lang.foreign.MemorySegment;

/** A way to fold, which is a program for each pair of formats, and how its work is cut up. */
enum ClProgram {
  /** One work-item takes a KV head, a few query tokens and a split; no barriers. */
  CPU_DECODE("cpu.cl", "decode/fold_cpu.cl", 1) {
    @Override
    int blockTokens(PageLayout layout, int tokens, ClTuning tuning) {
      return rowTokens(layout, tokens, tuning.blockRows());
    }
  },

  /** One work-item takes a KV head, a block of query tokens and a split over decoded tiles. */
  CPU_PREFILL("cpu.cl", "prefill/fold_cpu.cl", 1) {
    @Override
    int blockTokens(PageLayout layout, int tokens, ClTuning tuning) {
      return rowTokens(layout, tokens, tuning.prefillRows());
    }

    @Override
    long tilesBytes(PageLayout layout) {
      int lanes = roundUp(layout.pageTokens(), 16);
      int keyDim = layout.layer().keyDim();
      int valueDim = layout.layer().valueDim();
      int numbers = roundUp(keyDim, 16) + roundUp(valueDim, 32);
      int scales = blocks(keyDim, 32) + 2 * blocks(valueDim, 32);
      return 4L * lanes * (numbers + scales);
    }
  },

  /** A work-group takes up to four query heads of a KV head, a query token and a split. */
  GPU_DECODE("gpu.cl", "decode/fold_gpu.cl", 128) {
    @Override
    int blockTokens(PageLayout layout, int tokens, ClTuning tuning) {
      return 1;
    }

    @Override
    long groups(PageLayout layout, int blockTokens) {
      return (long) layout.heads() * blocks(layout.layer().group(), DECODE_ROWS);
    }
  },

  /** A work-group takes up to 16 rows of a KV head and a split over decoded tiles. */
  GPU_PREFILL("gpu.cl", "prefill/fold_gpu.cl", 128) {
    @Override
    int blockTokens(PageLayout layout, int tokens, ClTuning tuning) {
      return rowTokens(layout, tokens, PREFILL_ROWS);
    }

    @Override
    long groups(PageLayout layout, int blockTokens) {
      return (long) layout.heads() * blocks(blockTokens * layout.layer().group(), PREFILL_ROWS);
    }
  };

  /** ROW_BLOCK of decode/fold_gpu.cl and of prefill/fold_gpu.cl. */
  private static final int DECODE_ROWS = 4;

  private static final int PREFILL_ROWS = 16;

  /** Where the sizes of a work-group start behind those of the whole range, in bytes. */
  static final int LOCAL_SIZES = 24;

  private final String common;
  private final String file;
  private final int lanes;

  ClProgram(String common, String file, int lanes) {
    this.common = common;
    this.file = file;
    this.lanes = lanes;
  }

  /** What it shares with others of its shape. */
  String common() {
    return common;
  }

  String file() {
    return file;
  }

  /** Query tokens of a work-item or work-group. */
  abstract int blockTokens(PageLayout layout, int tokens, ClTuning tuning);

  /** Local memory that kernel {@code fold} is given for decoded tiles, 0 if it takes none. */
  long tilesBytes(PageLayout layout) {
    return 0;
  }

  /** Work-groups of a block of query tokens and a split. */
  long groups(PageLayout layout, int blockTokens) {
    return layout.heads();
  }

  /** Writes the sizes of kernel {@code fold}: u64 [3] of the range, u64 [3] of a work-group. */
  void foldSizes(MemorySegment sizes, PageLayout layout, int tokens, int splits, ClTuning tuning) {
    int block = blockTokens(layout, tokens, tuning);
    put(sizes, groups(layout, block), blocks(tokens, block), splits);
  }

  /** Writes the sizes of kernel {@code merge}. */
  void mergeSizes(MemorySegment sizes, int rows) {
    put(sizes, rows, 1, 1);
  }

  private void put(MemorySegment sizes, long groups, long y, long z) {
    sizes.setAtIndex(JAVA_LONG, 0, groups * lanes);
    sizes.setAtIndex(JAVA_LONG, 1, y);
    sizes.setAtIndex(JAVA_LONG, 2, z);
    sizes.setAtIndex(JAVA_LONG, 3, lanes);
    sizes.setAtIndex(JAVA_LONG, 4, 1);
    sizes.setAtIndex(JAVA_LONG, 5, 1);
  }

  /** Query tokens with at most {@code rows} rows of a KV head, but one at least. */
  private static int rowTokens(PageLayout layout, int tokens, int rows) {
    return Math.clamp(rows / layout.layer().group(), 1, tokens);
  }

  /** Blocks of {@code size} that cover {@code count}. */
  private static int blocks(int count, int size) {
    return (count + size - 1) / size;
  }

  private static int roundUp(int value, int multiple) {
    return blocks(value, multiple) * multiple;
  }
}
