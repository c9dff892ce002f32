package io.kvarena.opencl;

import static org.lwjgl.opencl.CL10.CL_MEM_READ_ONLY;
import static org.lwjgl.opencl.CL10.CL_MEM_USE_HOST_PTR;
import static org.lwjgl.opencl.CL10.clReleaseMemObject;

import java.lang.foreign.MemorySegment;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;

/**
 * The slabs that kernels of a device see in place, each wrapped once.
 *
 * <p>A slab is known by its address, its size and its arena's scope, held weakly: memory of a
 * closed arena may come back at the same address as another slab. The wrapping of a slab whose
 * arena has been closed or collected is dropped when the next slab is wrapped; it is never looked
 * up again, because its scope never comes back.
 */
final class ClSlabs {

  /** A wrapped slab; buffer 0 where the driver would not wrap it. */
  private record Entry(
      long address, long bytes, WeakReference<MemorySegment.Scope> scope, long buffer) {

    boolean of(MemorySegment slab) {
      return address == slab.address()
          && bytes == slab.byteSize()
          && slab.scope().equals(scope.get());
    }

    boolean dead() {
      MemorySegment.Scope owner = scope.get();
      return owner == null || !owner.isAlive();
    }
  }

  private final ClContext context;
  private volatile Entry[] entries = {};

  ClSlabs(ClContext context) {
    this.context = context;
  }

  /** The buffer that shows {@code slab} to kernels; 0 if it can only be copied. */
  long buffer(MemorySegment slab) {
    for (Entry entry : entries) {
      if (entry.of(slab)) {
        return entry.buffer();
      }
    }
    return wrap(slab);
  }

  /** Slabs that are wrapped now. */
  int size() {
    return entries.length;
  }

  private synchronized long wrap(MemorySegment slab) {
    List<Entry> kept = new ArrayList<>();
    for (Entry entry : entries) {
      if (entry.of(slab)) {
        return entry.buffer();
      }
      if (!entry.dead()) {
        kept.add(entry);
      } else if (entry.buffer() != 0) {
        Cl.check(clReleaseMemObject(entry.buffer()), "clReleaseMemObject");
      }
    }
    Entry added =
        new Entry(slab.address(), slab.byteSize(), new WeakReference<>(slab.scope()), create(slab));
    kept.add(added);
    entries = kept.toArray(Entry[]::new);
    return added.buffer();
  }

  private long create(MemorySegment slab) {
    ClDevice device = context.device();
    if (!context.inPlace()
        || !slab.isNative()
        || slab.address() % Math.max(1, device.alignmentBytes()) != 0
        || slab.byteSize() > device.allocationBytesMax()) {
      return 0;
    }
    try {
      return context.createBuffer(
          CL_MEM_READ_ONLY | CL_MEM_USE_HOST_PTR, slab.byteSize(), slab.address());
    } catch (ClException refused) {
      return 0;
    }
  }
}
