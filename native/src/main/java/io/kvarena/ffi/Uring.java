package io.kvarena.ffi;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.kvarena.tier.FileIo.Piece;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A ring of the kernel's, for one call at a time. */
final class Uring implements AutoCloseable {

  /** The most of a piece that is asked for at once: the kernel moves less than 2 GiB. */
  private static final long BYTES_MAX = 1 << 30;

  private static final int PIECES_MIN = 64;

  private final IoCalls calls;
  private final long ring;
  private MemorySegment structs;

  /**
   * @param ring as {@link IoCalls#openRing} made it, closed with this
   */
  Uring(IoCalls calls, long ring) {
    this.calls = calls;
    this.ring = ring;
    structs = Arena.ofAuto().allocate(IoCalls.PIECE, PIECES_MIN);
  }

  /** Moves all pieces and says of each how far it got. */
  void transfer(int file, List<Piece> pieces) {
    // A call keeps one arena from being closed, so what lies in several takes as many calls.
    Map<MemorySegment.Scope, List<Piece>> byArena = new LinkedHashMap<>(2);
    for (Piece piece : pieces) {
      check(piece);
      byArena.computeIfAbsent(piece.memory.scope(), arena -> new ArrayList<>()).add(piece);
    }
    byArena.values().forEach(together -> transferTogether(file, together));
  }

  private static void check(Piece piece) {
    if (!piece.memory.isNative() || (!piece.write && piece.memory.isReadOnly())) {
      throw new IllegalArgumentException(
          "a piece lies in native memory that can be written to: native=%s, readOnly=%s; copy it"
              .formatted(piece.memory.isNative(), piece.memory.isReadOnly()));
    }
  }

  private void transferTogether(int file, List<Piece> pieces) {
    tell(pieces);
    calls.transfer(ring, file, structs, pieces.size(), pieces.getFirst().memory);
    learn(pieces);
  }

  /** Sends pieces off, at least one, whose memory must be there until they are finished. */
  void begin(int file, List<Piece> pieces) {
    pieces.forEach(Uring::check);
    tell(pieces);
    calls.begin(ring, file, structs, pieces.size(), pieces.getFirst().memory);
  }

  /** Waits for the pieces that were sent off, on the same thread. */
  void finish(List<Piece> pieces) {
    calls.finish(ring);
    learn(pieces);
  }

  private void tell(List<Piece> pieces) {
    int count = pieces.size();
    if (structs.byteSize() < count * IoCalls.PIECE.byteSize()) {
      structs = Arena.ofAuto().allocate(IoCalls.PIECE, 2L * count);
    }
    for (int i = 0; i < count; i++) {
      Piece piece = pieces.get(i);
      long at = i * IoCalls.PIECE.byteSize();
      int bytes = (int) Math.min(BYTES_MAX, piece.memory.byteSize());
      structs.set(JAVA_LONG, at + IoCalls.MEMORY, piece.memory.address());
      structs.set(JAVA_LONG, at + IoCalls.OFFSET, piece.offset);
      structs.set(JAVA_INT, at + IoCalls.BYTES, bytes);
      structs.set(JAVA_INT, at + IoCalls.WRITE, piece.write ? 1 : 0);
    }
  }

  private void learn(List<Piece> pieces) {
    for (int i = 0; i < pieces.size(); i++) {
      int result = structs.get(JAVA_INT, i * IoCalls.PIECE.byteSize() + IoCalls.RESULT);
      if (result >= 0) {
        pieces.get(i).moved = result;
      } else {
        pieces.get(i).failure = new IOException(calls.text(-result));
      }
    }
  }

  @Override
  public void close() {
    calls.closeRing(ring);
  }
}
