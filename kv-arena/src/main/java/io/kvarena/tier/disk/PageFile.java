package io.kvarena.tier.disk;

import io.kvarena.tier.FileIo;
import java.util.Arrays;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/**
 * An open page file and which of its slots are taken. All but the constants is guarded by the
 * tier's lock.
 */
final class PageFile {
  final long number;
  final String name;
  final FileIo.OpenFile io;
  final long slotBytes;

  /** Slots that the file may grow to. */
  final int slotsMax;

  /** Slots that the file has room for now. */
  private int slots;

  private final BitSet taken = new BitSet();
  private int takenCount;

  /**
   * Header checksum of each slot with a page or record that counts, else 0: what a manifest lists.
   */
  private int[] marks = new int[0];

  /** Written since the last sync. */
  boolean dirty;

  /** In doubt after a failed sync: read, but not written any more. */
  boolean retired;

  /** A sync is under way, so that it must not be closed. */
  boolean syncing;

  /** Its name is durable. */
  boolean named;

  PageFile(long number, String name, FileIo.OpenFile io, long slotBytes, int slotsMax, int slots) {
    this.number = number;
    this.name = name;
    this.io = io;
    this.slotBytes = slotBytes;
    this.slotsMax = slotsMax;
    this.slots = slots;
  }

  static long bytes(long slotBytes, int slots) {
    return PageFileDescriptor.HEADER_BYTES + slotBytes * slots;
  }

  long bytes() {
    return bytes(slotBytes, slots);
  }

  long offset(int slot) {
    return PageFileDescriptor.HEADER_BYTES + slotBytes * slot;
  }

  int slots() {
    return slots;
  }

  void grown(int newSlots) {
    slots = newSlots;
  }

  /** Takes a slot that is known to hold something. */
  void take(int slot) {
    taken.set(slot);
    takenCount++;
  }

  /** Adjacent slots of a file. */
  record Run(PageFile file, int first, int count) {}

  /** Takes up to {@code count} adjacent slots: the first such run of at least {@code atLeast}. */
  @Nullable Run takeRun(int count, int atLeast) {
    if (slots - takenCount < atLeast) {
      return null;
    }
    int from = taken.nextClearBit(0);
    while (from < slots) {
      int next = taken.nextSetBit(from);
      int end = next < 0 ? slots : Math.min(next, slots);
      if (end - from >= atLeast) {
        Run run = new Run(this, from, Math.min(count, end - from));
        taken.set(from, from + run.count);
        takenCount += run.count;
        return run;
      }
      from = taken.nextClearBit(end);
    }
    return null;
  }

  void release(int slot) {
    assert taken.get(slot) : "released twice: file=" + name + ", slot=" + slot;
    taken.clear(slot);
    takenCount--;
  }

  boolean isEmpty() {
    return takenCount == 0;
  }

  int takenCount() {
    return takenCount;
  }

  void mark(int slot, int mark) {
    if (slot >= marks.length) {
      marks = Arrays.copyOf(marks, Math.max(slot + 1, slots));
    }
    marks[slot] = mark;
  }

  /** The marks up to the last that is set. */
  int[] marks() {
    int length = marks.length;
    while (length > 0 && marks[length - 1] == 0) {
      length--;
    }
    return Arrays.copyOf(marks, length);
  }
}
