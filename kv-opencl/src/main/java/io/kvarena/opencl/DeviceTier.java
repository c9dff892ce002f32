package io.kvarena.opencl;

import static org.lwjgl.opencl.CL10.CL_FALSE;
import static org.lwjgl.opencl.CL10.CL_MEM_READ_WRITE;
import static org.lwjgl.opencl.CL10.clReleaseCommandQueue;
import static org.lwjgl.opencl.CL10.clReleaseMemObject;
import static org.lwjgl.opencl.CL10.nclEnqueueReadBuffer;
import static org.lwjgl.opencl.CL10.nclEnqueueWriteBuffer;

import io.kvarena.tier.CorruptPageException;
import io.kvarena.tier.PageKey;
import io.kvarena.tier.PageTransfer;
import io.kvarena.tier.Tier;
import io.kvarena.tier.TierException;
import io.kvarena.tier.TierFullException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Pages in a device's memory, in a few large buffers that are cut into slots of one size each.
 *
 * <p>All transfers of a call are under way together, and calls of several threads at the same time,
 * each on a queue of its own. A page that is being read stays where it is until that is done,
 * whatever becomes of its key meanwhile.
 */
public final class DeviceTier implements Tier {

  /** What slots of one size are cut from. */
  private static final long BLOCK_BYTES = 2L << 20;

  private static final long SLOT_ALIGNMENT = 128;

  /** A piece of a buffer. */
  private record Slot(long buffer, long offset, long bytes) {}

  /** A page that is there. */
  private static final class Stored {
    final Slot slot;
    final byte[] about;
    final long bytes;
    final int crc32c;
    int readers;
    boolean gone;

    Stored(Slot slot, byte[] about, long bytes, int crc32c) {
      this.slot = slot;
      this.about = about;
      this.bytes = bytes;
      this.crc32c = crc32c;
    }
  }

  private final ClContext context;
  private final long maxBytes;
  private final Map<PageKey, Stored> pages = new HashMap<>();
  private final Map<Long, ArrayDeque<Slot>> freeSlots = new HashMap<>();
  private final List<Long> buffers = new ArrayList<>();
  private final ArrayDeque<Long> queues = new ArrayDeque<>();
  private int queuesOut;
  private long usedBytes;
  private boolean closed;

  /**
   * A tier on a device.
   *
   * @param maxBytes limit of the device's memory that it takes; whole blocks of 2 MiB, or of a page
   *     where that is larger
   */
  public DeviceTier(ClDevice device, long maxBytes) {
    if (maxBytes < BLOCK_BYTES) {
      throw new IllegalArgumentException(
          "a device's tier holds a block at least: maxBytes="
              + maxBytes
              + ", blockBytes="
              + BLOCK_BYTES
              + "; raise maxBytes");
    }
    context = ClContext.of(device);
    this.maxBytes = maxBytes;
  }

  @Override
  public String name() {
    return "device";
  }

  @Override
  public long maxBytes() {
    return maxBytes;
  }

  @Override
  public synchronized long usedBytes() {
    return usedBytes;
  }

  // ---- out ----

  @Override
  public void store(List<PageTransfer> batch) {
    List<Slot> slots = new ArrayList<>();
    boolean stored = false;
    long queue = borrow();
    try {
      for (PageTransfer page : batch) {
        slots.add(take(page.bytes().byteSize()));
      }
      for (int i = 0; i < batch.size(); i++) {
        PageTransfer page = batch.get(i);
        Slot slot = slots.get(i);
        int code =
            nclEnqueueWriteBuffer(
                queue,
                slot.buffer,
                CL_FALSE,
                slot.offset,
                page.bytes().byteSize(),
                page.bytes().address(),
                0,
                0,
                0);
        Cl.check(code, "clEnqueueWriteBuffer");
      }
      ClCalls.finish(queue);
      stored = true;
    } catch (ClException failed) {
      throw failed("the device did not take pages", batch, failed);
    } finally {
      giveBack(queue);
      if (!stored) {
        slots.forEach(this::free);
      }
    }
    synchronized (this) {
      for (int i = 0; i < batch.size(); i++) {
        PageTransfer page = batch.get(i);
        Stored entry =
            new Stored(slots.get(i), page.about().clone(), page.bytes().byteSize(), page.crc32c());
        letGo(pages.put(page.key(), entry));
      }
    }
  }

  private static TierException failed(String what, List<PageTransfer> batch, ClException failed) {
    return new TierException(
        what
            + ": pages="
            + batch.size()
            + ", call="
            + failed.call()
            + ", code="
            + failed.codeName()
            + "; try again, or close the tier",
        failed);
  }

  /** A free slot for so many bytes. */
  private synchronized Slot take(long bytes) {
    checkOpen();
    long size = (bytes + SLOT_ALIGNMENT - 1) / SLOT_ALIGNMENT * SLOT_ALIGNMENT;
    ArrayDeque<Slot> free = freeSlots.computeIfAbsent(size, any -> new ArrayDeque<>());
    if (free.isEmpty()) {
      cut(size, free);
    }
    return free.pop();
  }

  private void cut(long size, ArrayDeque<Slot> free) {
    long block = Math.max(BLOCK_BYTES, size);
    if (block > maxBytes - usedBytes) {
      throw new TierFullException(
          "tier is full: tier=device, maxBytes="
              + maxBytes
              + ", usedBytes="
              + usedBytes
              + ", pageBytes="
              + size
              + "; free pages or enlarge it");
    }
    long buffer;
    try {
      buffer = context.createBuffer(CL_MEM_READ_WRITE, block, 0);
    } catch (ClException none) {
      throw new TierFullException(
          "the device has no memory left: tier=device, blockBytes="
              + block
              + ", usedBytes="
              + usedBytes
              + ", code="
              + none.codeName()
              + "; free pages");
    }
    buffers.add(buffer);
    usedBytes += block;
    for (long at = block / size * size - size; at >= 0; at -= size) {
      free.push(new Slot(buffer, at, size));
    }
  }

  private synchronized void free(Slot slot) {
    freeSlots.computeIfAbsent(slot.bytes, any -> new ArrayDeque<>()).push(slot);
  }

  /** Frees what is no longer under its key, now or when the last reader is done. */
  private void letGo(@Nullable Stored old) {
    if (old == null) {
      return;
    }
    old.gone = true;
    if (old.readers == 0) {
      free(old.slot);
    }
  }

  // ---- back ----

  @Override
  public void load(List<PageTransfer> batch) {
    List<Stored> found = new ArrayList<>();
    long queue = 0;
    try {
      for (PageTransfer page : batch) {
        found.add(find(page));
      }
      queue = borrow();
      for (int i = 0; i < batch.size(); i++) {
        PageTransfer page = batch.get(i);
        Slot slot = found.get(i).slot;
        int code =
            nclEnqueueReadBuffer(
                queue,
                slot.buffer,
                CL_FALSE,
                slot.offset,
                page.bytes().byteSize(),
                page.bytes().address(),
                0,
                0,
                0);
        Cl.check(code, "clEnqueueReadBuffer");
      }
      ClCalls.finish(queue);
    } catch (ClException failed) {
      throw failed("the device did not give pages back", batch, failed);
    } finally {
      if (queue != 0) {
        giveBack(queue);
      }
      read(found);
    }
    for (PageTransfer page : batch) {
      int crc = PageTransfer.crc32c(page.bytes());
      if (crc != page.crc32c()) {
        free(List.of(page.key()));
        throw new CorruptPageException(
            "corrupt page: tier=device, key=%s, stored crc32c=%08x, found=%08x; treated as a miss"
                .formatted(page.key(), page.crc32c(), crc));
      }
    }
  }

  /** The page, which stays where it is until {@link #read} is called. */
  private synchronized Stored find(PageTransfer page) {
    checkOpen();
    Stored stored = pages.get(page.key());
    if (stored == null) {
      throw new CorruptPageException(
          "no such page: tier=device, key=" + page.key() + "; treated as a miss");
    }
    if (stored.bytes != page.bytes().byteSize()
        || stored.crc32c != page.crc32c()
        || !Arrays.equals(stored.about, page.about())) {
      letGo(pages.remove(page.key()));
      throw new CorruptPageException(
          "another page than was stored: tier=device, key=" + page.key() + "; treated as a miss");
    }
    stored.readers++;
    return stored;
  }

  private synchronized void read(List<Stored> found) {
    for (Stored stored : found) {
      stored.readers--;
      if (stored.readers == 0 && stored.gone) {
        free(stored.slot);
      }
    }
  }

  @Override
  public synchronized boolean contains(PageKey key) {
    return pages.containsKey(key);
  }

  @Override
  public synchronized void free(Collection<PageKey> keys) {
    for (PageKey key : keys) {
      letGo(pages.remove(key));
    }
  }

  // ---- queues ----

  private synchronized long borrow() {
    checkOpen();
    queuesOut++;
    Long idle = queues.poll();
    return idle == null ? context.createQueue() : idle;
  }

  private synchronized void giveBack(long queue) {
    queues.push(queue);
    queuesOut--;
    notifyAll();
  }

  private void checkOpen() {
    if (closed) {
      throw new TierException("tier is closed: tier=device; open another one");
    }
  }

  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    while (queuesOut > 0) {
      try {
        wait();
      } catch (InterruptedException stop) {
        Thread.currentThread().interrupt();
        return;
      }
    }
    for (long queue : queues) {
      Cl.check(clReleaseCommandQueue(queue), "clReleaseCommandQueue");
    }
    for (long buffer : buffers) {
      Cl.check(clReleaseMemObject(buffer), "clReleaseMemObject");
    }
    queues.clear();
    buffers.clear();
    pages.clear();
  }
}
