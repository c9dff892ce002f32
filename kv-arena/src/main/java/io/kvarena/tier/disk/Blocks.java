package io.kvarena.tier.disk;

import io.kvarena.tier.FileIo;
import io.kvarena.tier.FileIo.OpenFile;
import io.kvarena.tier.FileIo.Piece;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Reads and writes of whole ranges, cut into pieces that go at once and asked for again if short.
 */
final class Blocks {

  /** A range is cut into pieces of so many bytes. */
  static final int PIECE_BYTES = 512 << 10;

  /** Pieces that moved nothing, and said nothing, are asked for so often. */
  private static final int TRIES = 3;

  private Blocks() {}

  /** Adds the pieces of a range. */
  static void cut(List<Piece> pieces, boolean write, long offset, MemorySegment memory) {
    for (long at = 0; at < memory.byteSize(); at += PIECE_BYTES) {
      long bytes = Math.min(PIECE_BYTES, memory.byteSize() - at);
      pieces.add(new Piece(write, offset + at, memory.asSlice(at, bytes)));
    }
  }

  /**
   * Moves all pieces whole or throws. What lies behind the end of a file reads as zeros, which no
   * header is.
   */
  static void move(OpenFile file, List<Piece> pieces) throws IOException {
    file.transfer(pieces);
    finish(file, pieces);
  }

  /** The same after the pieces were transferred once. */
  static void finish(OpenFile file, List<Piece> pieces) throws IOException {
    List<Piece> left = pieces;
    int idle = 0;
    while (true) {
      List<Piece> again = new ArrayList<>();
      boolean progress = false;
      for (Piece piece : left) {
        if (piece.failure != null) {
          throw piece.failure;
        }
        long bytes = piece.memory.byteSize();
        if (piece.moved < bytes) {
          // Only whole blocks can be gone on from.
          long done = piece.moved & -FileIo.ALIGNMENT;
          progress |= done > 0;
          again.add(
              new Piece(
                  piece.write, piece.offset + done, piece.memory.asSlice(done, bytes - done)));
        }
      }
      if (again.isEmpty()) {
        return;
      }
      left = again;
      idle = progress ? 0 : idle + 1;
      if (idle == TRIES) {
        for (Piece piece : left) {
          if (piece.write) {
            throw new IOException("a write moved nothing: offset=" + piece.offset);
          }
          piece.memory.fill((byte) 0);
        }
        return;
      }
      file.transfer(left);
    }
  }

  static void write(OpenFile file, long offset, MemorySegment memory) throws IOException {
    List<Piece> pieces = new ArrayList<>();
    cut(pieces, true, offset, memory);
    move(file, pieces);
  }

  static void read(OpenFile file, long offset, MemorySegment memory) throws IOException {
    List<Piece> pieces = new ArrayList<>();
    cut(pieces, false, offset, memory);
    move(file, pieces);
  }
}
