package io.kvarena.ffi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kvarena.attention.AttentionKernel;
import io.kvarena.attention.AttentionState;
import io.kvarena.attention.KernelOffer;
import io.kvarena.attention.Kernels;
import io.kvarena.format.Formats;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;

/** What the contract of kernels does not ask: see {@link CKernelContractTest}. */
class CKernelTest {

  private static final long SEED = 20250101;

  static List<AttentionKernel> kernels() {
    return new CKernelProvider()
        .offers().stream().flatMap(offer -> offer.usableKernel().stream()).toList();
  }

  @Test
  void offers_whereTheLibraryIsBuilt_includeTheBaseline() {
    List<String> names = kernels().stream().map(AttentionKernel::name).toList();
    assertTrue(names.contains("c-baseline"), () -> new CKernelProvider().offers().toString());
    assertTrue(
        Kernels.offers().stream().map(KernelOffer::name).toList().containsAll(names),
        "the service loader finds them too");
  }

  @Test
  void offers_onEachPlatform_areItsInstructionSetsBestFirst() {
    assertEquals(
        List.of("c-avx512vnni", "c-avx512", "c-avx2", "c-baseline"), offersOn("linux-x86_64"));
    assertEquals(List.of("c-neon", "c-baseline"), offersOn("linux-aarch64"));
    assertEquals(List.of("c-neon", "c-baseline"), offersOn("macos-aarch64"));
    assertEquals(List.of("c-baseline"), offersOn("linux-riscv64"));
  }

  private static List<String> offersOn(String platform) {
    return CKernelProvider.offersOn(platform).stream()
        .sorted(Comparator.comparingInt(KernelOffer::rank).reversed())
        .map(KernelOffer::name)
        .toList();
  }

  @Test
  void fold_onVirtualThreads_changesNoBit() throws Exception {
    Scene scene = Scene.random(new Random(SEED + 3), Formats.F16, Formats.F16);
    AttentionKernel kernel = kernels().getFirst();
    MemorySegment alone = scene.fold(kernel).segment();
    try (var pool = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Callable<Long>> tasks = new ArrayList<>();
      for (int i = 0; i < 400; i++) {
        tasks.add(() -> alone.mismatch(scene.fold(kernel).segment()));
      }
      for (var result : pool.invokeAll(tasks)) {
        assertEquals(-1, result.get());
      }
    }
  }

  @Test
  void fold_afterWarmUp_allocatesNothing() {
    var threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
    Scene scene = Scene.random(new Random(SEED + 4), Formats.Q8_0, Formats.Q8_0);
    AttentionState state = new AttentionState();
    for (AttentionKernel kernel : kernels()) {
      for (int i = 0; i < 20_000; i++) {
        scene.foldInto(kernel, state);
      }
      long before = threads.getCurrentThreadAllocatedBytes();
      for (int i = 0; i < 1_000; i++) {
        scene.foldInto(kernel, state);
      }
      long bytes = threads.getCurrentThreadAllocatedBytes() - before;
      // The counter itself may cost an object in interpreted code: less than a byte a fold.
      assertTrue(bytes < 1_000, () -> kernel.name() + " allocated " + bytes + " bytes");
    }
  }

  @Test
  void fold_heapQueries_areRefused() {
    Scene scene = Scene.random(new Random(SEED + 5), Formats.F32, Formats.F32);
    scene.queries().data(MemorySegment.ofArray(new float[1 << 20]), 0);
    var refused =
        assertThrows(IllegalArgumentException.class, () -> scene.fold(kernels().getFirst()));
    long end = scene.queries().rowOffset(scene.queries().tokens(), 0);
    assertEquals(
        "queries must be native memory that holds them all: native=false, bytes=4194304, end="
            + end
            + "; copy them to native memory first",
        refused.getMessage());
  }

  @Test
  void fold_pageOutsideItsSlab_isRefused() {
    Scene scene = Scene.random(new Random(SEED + 6), Formats.F32, Formats.F32);
    long pageBytes = scene.run().layout().pageBytes();
    MemorySegment slab = scene.run().slab(0);
    scene.run().add(slab, 1, slab.byteSize() - pageBytes + 128, -1, 0);
    var refused =
        assertThrows(IllegalArgumentException.class, () -> scene.fold(kernels().getFirst()));
    assertEquals(
        "a page lies outside its slab or not in native memory: page="
            + (scene.run().size() - 1)
            + ", offset="
            + (slab.byteSize() - pageBytes + 128)
            + ", pageBytes="
            + pageBytes
            + ", slabBytes="
            + slab.byteSize()
            + ", native=true; add pages of the run's layout in native slabs",
        refused.getMessage());
  }

  @Test
  void fold_stateOfAnotherShape_isRefused() {
    Scene scene = Scene.random(new Random(SEED + 7), Formats.F32, Formats.F32);
    AttentionState state = new AttentionState();
    state.reset(1, 1, 1025);
    var refused =
        assertThrows(
            IllegalArgumentException.class,
            () -> kernels().getFirst().fold(scene.queries(), scene.run(), state));
    var layout = scene.run().layout();
    assertEquals(
        "the state does not fit the run: heads=1, rows=1, valueDim=1025, runQueryHeads="
            + layout.heads() * layout.layer().group()
            + ", tokens="
            + scene.queries().tokens()
            + ", runValueDim="
            + layout.layer().valueDim()
            + "; reset it for these queries",
        refused.getMessage());
  }

  @Test
  void readCeiling_ofAnyBytes_isTheSumOfTheirWords() {
    Scene scene = Scene.random(new Random(SEED + 8), Formats.F16, Formats.F16);
    long expected = 0;
    for (int page = 0; page < scene.run().size(); page++) {
      for (long at = 0; at < scene.run().layout().pageBytes(); at += 8) {
        expected +=
            scene
                .run()
                .slab(page)
                .get(java.lang.foreign.ValueLayout.JAVA_LONG, scene.run().offset(page) + at);
      }
    }
    for (long ahead : new long[] {0, 100, ReadCeiling.AHEAD, 1 << 20}) {
      assertEquals(expected, new ReadCeiling().read(scene.run(), ahead));
    }
  }
}
