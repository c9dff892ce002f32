package io.kvarena.opencl;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.kvarena.attention.AttentionState;
import io.kvarena.format.Formats;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

/** The kernel under many threads, and how much heap a warm fold takes. */
@NeedsOpenCl
final class ClKernelThreadsTest {

  private static final int ROUNDS = 50;

  private final ClKernel kernel = new ClKernel(ClDevices.all().getFirst());

  private static FoldCase sequence(int number) {
    FoldCase drawn =
        FoldCase.of(Formats.Q8_0, Formats.Q8_0, 16, 2, 2, 32, 32, 1 + number % 3, 0, 300 + number);
    MemorySegment slab = drawn.slab(12);
    for (int page = 0; page < 12; page++) {
      drawn.addPage(slab, page);
    }
    return drawn;
  }

  @Test
  void fold_eightThreads_areBitEqualToSerial() throws Exception {
    try (ExecutorService threads = Executors.newFixedThreadPool(8)) {
      assertBitEqualToSerial(threads, 8);
    }
  }

  @Test
  void fold_virtualThreads_areBitEqualToSerial() throws Exception {
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      assertBitEqualToSerial(threads, 40);
    }
  }

  private void assertBitEqualToSerial(ExecutorService threads, int sequences)
      throws InterruptedException, ExecutionException {
    List<Future<Integer>> differing = new ArrayList<>();
    for (int i = 0; i < sequences; i++) {
      FoldCase drawn = sequence(i);
      AttentionState serial = drawn.fold(kernel);
      differing.add(
          threads.submit(
              () -> {
                int count = 0;
                for (int round = 0; round < ROUNDS; round++) {
                  count += sameBits(serial, drawn.fold(kernel)) ? 0 : 1;
                }
                return count;
              }));
    }
    for (Future<Integer> count : differing) {
      assertEquals(0, count.get());
    }
  }

  private static boolean sameBits(AttentionState first, AttentionState second) {
    long bytes = 4L * first.rows() * (2 + first.valueDim());
    return first.segment().asSlice(0, bytes).mismatch(second.segment().asSlice(0, bytes)) == -1;
  }

  @Test
  void fold_warm_takesNoHeap() {
    FoldCase drawn = sequence(0);
    AttentionState state = drawn.fold(kernel);
    var counter = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
    long least = Long.MAX_VALUE;
    // The least of many rounds: the compiler may still be at work in the first of them.
    for (int round = 0; round < 200; round++) {
      long before = counter.getCurrentThreadAllocatedBytes();
      for (int i = 0; i < 10; i++) {
        kernel.fold(drawn.queries, drawn.run, state);
      }
      least = Math.min(least, counter.getCurrentThreadAllocatedBytes() - before);
    }
    assertEquals(0, least);
  }
}
