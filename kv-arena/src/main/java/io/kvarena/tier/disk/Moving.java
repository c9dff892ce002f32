package io.kvarena.tier.disk;

import io.kvarena.tier.FileIo.OpenFile;
import io.kvarena.tier.FileIo.Piece;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.FutureTask;

/** Pieces on their way between a file and borrowed memory. */
final class Moving {
  final MemorySegment bounce;
  private final FutureTask<Boolean> task;

  private Moving(OpenFile file, List<Piece> pieces, MemorySegment bounce) {
    this.bounce = bounce;
    task =
        new FutureTask<>(
            () -> {
              Blocks.move(file, pieces);
              return true;
            });
  }

  /** Moves them before this returns. */
  static Moving now(OpenFile file, List<Piece> pieces, MemorySegment bounce) {
    Moving moving = new Moving(file, pieces, bounce);
    moving.task.run();
    return moving;
  }

  /** Moves them while the caller does something else. */
  static Moving aside(OpenFile file, List<Piece> pieces, MemorySegment bounce) {
    Moving moving = new Moving(file, pieces, bounce);
    Thread.startVirtualThread(moving.task);
    return moving;
  }

  /** Waits until all are moved; throws what went wrong. */
  void await() throws IOException {
    Waiting.get(task);
  }
}
