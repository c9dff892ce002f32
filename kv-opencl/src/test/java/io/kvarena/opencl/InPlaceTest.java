package io.kvarena.opencl;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kvarena.attention.AttentionState;
import io.kvarena.format.Formats;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

/** Kernels read the slabs themselves, not copies. */
@NeedsOpenCl
final class InPlaceTest {

  private final ClDevice device = ClDevices.all().getFirst();
  private final ClContext context = ClContext.of(device);

  @Test
  void probe_deviceThatIsTheHost_seesHostWritesAtTheHostsAddress() {
    assertEquals(ClDevice.Kind.CPU, device.kind(), device.describe());
    InPlaceProbe.Verdict verdict = InPlaceProbe.run(context);
    assertEquals("a kernel saw host writes in place", verdict.reason());
    assertTrue(verdict.inPlace());
    // The pointer in the kernel is the host's: there is no copy that could be out of date.
    assertTrue(verdict.sameAddress());
  }

  @Test
  void fold_pageRewrittenInAWrappedSlab_readsTheNewBytes() {
    ClKernel kernel = new ClKernel(device);
    FoldCase drawn = FoldCase.of(Formats.F32, Formats.F32, 8, 1, 1, 16, 16, 1, 0, 5);
    MemorySegment slab = drawn.slab(1);
    drawn.addPage(slab, 0);
    final AttentionState before = drawn.fold(kernel);
    final int wrapped = context.slabs().size();
    assertNotEquals(0, context.slabs().buffer(slab));
    drawn.fill(slab, 0);
    AttentionState after = drawn.fold(kernel);
    assertEquals(wrapped, context.slabs().size());
    assertNotEquals(before.max(0), after.max(0));
    FoldCase.Expected expected = drawn.expected(0, 0);
    double out = after.segment().getAtIndex(JAVA_FLOAT, after.outIndex(0)) / (double) after.sum(0);
    assertEquals(expected.out()[0], out, expected.tolerance());
  }

  @Test
  void buffer_slabKnown_isTheSameBuffer() {
    MemorySegment slab = Arena.ofAuto().allocate(8192, 4096);
    long buffer = context.slabs().buffer(slab);
    assertNotEquals(0, buffer);
    assertEquals(buffer, context.slabs().buffer(slab.asReadOnly()));
  }

  @Test
  void buffer_slabClosed_isDroppedWithTheNextSlab() {
    ClSlabs slabs = new ClSlabs(context);
    Arena closed = Arena.ofShared();
    slabs.buffer(closed.allocate(8192, 4096));
    Arena open = Arena.ofShared();
    slabs.buffer(open.allocate(8192, 4096));
    assertEquals(2, slabs.size());
    closed.close();
    MemorySegment next = open.allocate(8192, 4096);
    slabs.buffer(next);
    assertEquals(2, slabs.size());
    open.close();
  }

  @Test
  void buffer_slabThatDriversRefuse_isNone() {
    assertEquals(0, context.slabs().buffer(MemorySegment.ofArray(new byte[8192])));
    assertEquals(0, context.slabs().buffer(Arena.ofAuto().allocate(8192, 4096).asSlice(8)));
  }

  @Test
  void buffer_slabsBeyondTheMemoryThatTheDeviceAdmitsTo_areTakenInPlace() {
    ClSlabs slabs = new ClSlabs(context);
    long bytes = Math.min(1L << 30, device.allocationBytesMax());
    long count = device.memoryBytes() / bytes + 2;
    for (int i = 0; i < count; i++) {
      // Addresses alone: nobody reads there, and a CPU device has nothing to pin.
      MemorySegment slab = MemorySegment.ofAddress((1L << 40) + i * bytes).reinterpret(bytes);
      assertNotEquals(0, slabs.buffer(slab), "slab=" + i);
    }
  }

  @Test
  void report_workingDevice_isGreen() {
    ClDoctor.Line line = ClDoctor.report().getFirst();
    assertTrue(line.green(), line.toString());
    assertEquals(device.name(), line.subject());
    assertTrue(line.text().contains(", in place: a kernel saw host writes in place"), line.text());
    assertEquals("", line.cure());
    assertFalse(ClDevices.problem().isPresent());
  }
}
