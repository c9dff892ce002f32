package io.kvarena.tier.disk;

import io.kvarena.tier.FileIo.OpenFile;
import io.kvarena.tier.FileIo.Piece;
import io.kvarena.tier.FileIo.Transfer;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.List;

/** Pieces on their way between a file and borrowed memory, while the caller does something else. */
final class Moving {
  final MemorySegment bounce;
  private final OpenFile file;
  private final List<Piece> pieces;
  private final Transfer transfer;

  Moving(OpenFile file, List<Piece> pieces, MemorySegment bounce) {
    this.file = file;
    this.pieces = pieces;
    this.bounce = bounce;
    transfer = file.begin(pieces);
  }

  /** Waits until all are moved; throws what went wrong. */
  void await() throws IOException {
    transfer.await();
    Blocks.finish(file, pieces);
  }
}
