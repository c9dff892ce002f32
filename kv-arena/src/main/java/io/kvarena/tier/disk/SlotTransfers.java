package io.kvarena.tier.disk;

import io.kvarena.tier.FileIo.Piece;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Writes and reads slots through borrowed memory, a window at a time: adjacent slots are one range,
 * and a window is encoded or checked while its neighbour is on its way.
 */
final class SlotTransfers {

  /** The most that is copied and moved at once. */
  private static final long WINDOW_BYTES = 4 << 20;

  private static final long WINDOW_BYTES_MIN = 1 << 20;

  private final BouncePool pool;
  private final SlotCodec codec;

  SlotTransfers(BouncePool pool, SlotCodec codec) {
    this.pool = pool;
    this.codec = codec;
  }

  /** Encodes and writes all, as they lie in their files. */
  void write(List<Passage> passages) throws IOException {
    List<List<Passage>> windows = windows(passages);
    @Nullable Moving moving = null;
    try {
      for (int i = 0; i < windows.size(); i++) {
        List<Passage> window = windows.get(i);
        MemorySegment bounce = moving == null ? null : pool.tryTake(bytes(window));
        if (bounce == null) {
          Moving before = moving;
          moving = null;
          finish(before);
          bounce = pool.take(bytes(window));
        }
        boolean sent = false;
        try {
          encode(window, bounce);
          Moving before = moving;
          moving = null;
          finish(before);
          moving = start(true, window, bounce);
          sent = true;
        } finally {
          if (!sent) {
            pool.giveBack(bounce);
          }
        }
      }
      Moving last = moving;
      moving = null;
      finish(last);
    } finally {
      abandon(moving);
    }
  }

  private void encode(List<Passage> window, MemorySegment bounce) {
    long slotBytes = window.getFirst().file().slotBytes;
    for (int i = 0; i < window.size(); i++) {
      Passage passage = window.get(i);
      codec.encode(bounce.asSlice(i * slotBytes, slotBytes), passage.entry(), passage.content());
    }
  }

  /** Reads and checks all; tells of each that is in doubt, and why. */
  void read(List<Passage> passages, BiConsumer<Entry, String> doubt) throws IOException {
    List<Passage> ordered = new ArrayList<>(passages);
    ordered.sort(
        Comparator.comparingLong((Passage passage) -> passage.file().number)
            .thenComparingInt(Passage::slot));
    List<List<Passage>> windows = windows(ordered);
    @Nullable Moving ahead = null;
    try {
      for (int i = 0; i < windows.size(); i++) {
        List<Passage> window = windows.get(i);
        Moving moving = ahead;
        ahead = null;
        if (moving == null) {
          moving = start(false, window, pool.take(bytes(window)));
        }
        try {
          moving.await();
          if (i + 1 < windows.size()) {
            List<Passage> next = windows.get(i + 1);
            MemorySegment bounce = pool.tryTake(bytes(next));
            ahead = bounce == null ? null : start(false, next, bounce);
          }
          decode(window, moving.bounce, doubt);
        } finally {
          pool.giveBack(moving.bounce);
        }
      }
    } finally {
      abandon(ahead);
    }
  }

  private void decode(List<Passage> window, MemorySegment bounce, BiConsumer<Entry, String> doubt) {
    long slotBytes = window.getFirst().file().slotBytes;
    for (int i = 0; i < window.size(); i++) {
      Passage passage = window.get(i);
      String problem =
          codec.decode(
              bounce.asSlice(i * slotBytes, slotBytes), passage.entry(), passage.content());
      if (problem != null) {
        doubt.accept(passage.entry(), problem);
      }
    }
  }

  private static Moving start(boolean write, List<Passage> window, MemorySegment bounce) {
    return new Moving(window.getFirst().file().io, pieces(write, window, bounce), bounce);
  }

  private void finish(@Nullable Moving moving) throws IOException {
    if (moving != null) {
      try {
        moving.await();
      } finally {
        pool.giveBack(moving.bounce);
      }
    }
  }

  /** After a failure: memory goes back only when nothing moves through it any more. */
  private void abandon(@Nullable Moving moving) {
    try {
      finish(moving);
    } catch (IOException e) {
      // The failure that led here is the one to report.
    }
  }

  private static long bytes(List<Passage> window) {
    return window.size() * window.getFirst().file().slotBytes;
  }

  /** Cuts what lies in order into windows of one file each. */
  private List<List<Passage>> windows(List<Passage> ordered) {
    long bytes = 0;
    for (Passage passage : ordered) {
      bytes += passage.file().slotBytes;
    }
    // A quarter of a batch at a time, so that copying and I/O overlap in small ones too.
    long window =
        Math.min(Math.clamp(bytes / 4, WINDOW_BYTES_MIN, WINDOW_BYTES), pool.bytesMax() / 2);
    List<List<Passage>> windows = new ArrayList<>();
    int from = 0;
    while (from < ordered.size()) {
      PageFile file = ordered.get(from).file();
      int to = from + 1;
      while (to < ordered.size()
          && ordered.get(to).file() == file
          && (to + 1 - from) * file.slotBytes <= window) {
        to++;
      }
      windows.add(ordered.subList(from, to));
      from = to;
    }
    return windows;
  }

  /** Pieces of a window: adjacent slots are one range. */
  private static List<Piece> pieces(boolean write, List<Passage> window, MemorySegment bounce) {
    PageFile file = window.getFirst().file();
    List<Piece> pieces = new ArrayList<>();
    int run = 0;
    for (int i = 0; i < window.size(); i++) {
      if (i + 1 == window.size() || window.get(i + 1).slot() != window.get(i).slot() + 1) {
        Blocks.cut(
            pieces,
            write,
            file.offset(window.get(run).slot()),
            bounce.asSlice(run * file.slotBytes, (i + 1 - run) * file.slotBytes));
        run = i + 1;
      }
    }
    return pieces;
  }
}
