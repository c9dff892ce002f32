package io.kvarena.opencl;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.kvarena.format.PageLayout;
import java.lang.foreign.MemorySegment;

/** How the work of a fold is cut into work-items. */
public enum ClShape {
  /** One work-item takes a KV head, a few query tokens and a split; no barriers. */
  CPU("fold_cpu.cl", 1) {
    @Override
    int blockTokens(PageLayout layout, int tokens, ClTuning tuning) {
      return Math.clamp(tuning.blockRows() / layout.layer().group(), 1, tokens);
    }

    @Override
    void foldSizes(
        MemorySegment sizes, PageLayout layout, int tokens, int splits, ClTuning tuning) {
      int block = blockTokens(layout, tokens, tuning);
      put(sizes, layout.heads(), (tokens + block - 1) / block, splits);
    }
  },

  /** A work-group takes up to four query heads of a KV head, a query token and a split. */
  GPU("fold_gpu.cl", 128) {
    @Override
    int blockTokens(PageLayout layout, int tokens, ClTuning tuning) {
      return 1;
    }

    @Override
    void foldSizes(
        MemorySegment sizes, PageLayout layout, int tokens, int splits, ClTuning tuning) {
      int blocks = (layout.layer().group() + GROUP_ROWS - 1) / GROUP_ROWS;
      put(sizes, (long) layout.heads() * blocks, tokens, splits);
    }
  };

  /** ROW_BLOCK of fold_gpu.cl. */
  private static final int GROUP_ROWS = 4;

  /** Where the sizes of a work-group start behind those of the whole range, in bytes. */
  static final int LOCAL_SIZES = 24;

  private final String file;
  private final int lanes;

  ClShape(String file, int lanes) {
    this.file = file;
    this.lanes = lanes;
  }

  /** The shape for a device. */
  public static ClShape of(ClDevice device) {
    return device.kind() == ClDevice.Kind.CPU ? CPU : GPU;
  }

  String file() {
    return file;
  }

  /** Query tokens of a work-item. */
  abstract int blockTokens(PageLayout layout, int tokens, ClTuning tuning);

  /** Writes the sizes of kernel {@code fold}: u64 [3] of the range, u64 [3] of a work-group. */
  abstract void foldSizes(
      MemorySegment sizes, PageLayout layout, int tokens, int splits, ClTuning tuning);

  /** Writes the sizes of kernel {@code merge}. */
  void mergeSizes(MemorySegment sizes, int rows) {
    put(sizes, rows, 1, 1);
  }

  void put(MemorySegment sizes, long groups, long y, long z) {
    sizes.setAtIndex(JAVA_LONG, 0, groups * lanes);
    sizes.setAtIndex(JAVA_LONG, 1, y);
    sizes.setAtIndex(JAVA_LONG, 2, z);
    sizes.setAtIndex(JAVA_LONG, 3, lanes);
    sizes.setAtIndex(JAVA_LONG, 4, 1);
    sizes.setAtIndex(JAVA_LONG, 5, 1);
  }
}
