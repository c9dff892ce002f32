package io.kvarena.store;

import io.kvarena.OutOfPagesException;
import io.kvarena.memory.ArenaStats;
import io.kvarena.store.HostSequence.SequenceGate;
import io.kvarena.tier.TierException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.agrona.collections.LongArrayList;
import org.jspecify.annotations.Nullable;

/**
 * Which pages go when the arena is full, and which come back when it is not: coldest first. First
 * of all prefixes are given up that no sequence uses. Then those of the sequence that was attended
 * longest ago go first, of one sequence the oldest tokens', in all layers alike. So of a sequence
 * larger than the arena a fixed part stays, and the rest is read from the tier in each step:
 * whatever was read last would never be there when it is read next.
 */
final class Placement {

  /**
   * What goes at a time, as a part of the arena; a sequence comes back while twice that is free.
   */
  private static final int PARTS = 16;

  /** Ordinals that are looked at together, so that a lane's pages lie side by side in the tier. */
  static final int ORDINALS = 16;

  private final HostCache cache;

  Placement(HostCache cache) {
    this.cache = cache;
  }

  /**
   * Offloads what is coldest for a sequence that is out of pages; false if nothing more can go.
   *
   * @param out what it would be told; gets what the tier says
   */
  boolean makeRoom(SequenceContent own, OutOfPagesException out) {
    long wanted = cache.arena().stats().maxBytes() / PARTS;
    PrefixIndex prefixes = cache.prefixes();
    if (prefixes != null && prefixes.makeRoom(wanted)) {
      return true;
    }
    try {
      return offloadCold(own, wanted);
    } catch (TierException failed) {
      out.addSuppressed(failed);
      return false;
    }
  }

  /** Offloads what is coldest of all sequences; false if nothing more can go. */
  boolean offloadCold() {
    try {
      return offloadCold(null, cache.arena().stats().maxBytes() / PARTS);
    } catch (TierException failed) {
      return false;
    }
  }

  private boolean offloadCold(@Nullable SequenceContent own, long wanted) {
    Offload offload = cache.offload();
    if (offload == null) {
      return false;
    }
    for (Map.Entry<SequenceContent, SequenceGate> other : coldest(own)) {
      LongArrayList pages = coldPages(other.getKey(), other.getValue(), wanted);
      if (!pages.isEmpty() && offload.out(pages) > 0) {
        return true;
      }
    }
    if (own == null) {
      return false;
    }
    LongArrayList pages = coldPages(own, wanted);
    return !pages.isEmpty() && offload.out(pages) > 0;
  }

  private List<Map.Entry<SequenceContent, SequenceGate>> coldest(@Nullable SequenceContent own) {
    List<Map.Entry<SequenceContent, SequenceGate>> others =
        new ArrayList<>(cache.contents().entrySet());
    others.removeIf(entry -> entry.getKey() == own);
    others.sort(Comparator.comparingLong(entry -> entry.getKey().usedAt()));
    return others;
  }

  /** The coldest pages of another sequence; none if somebody is inside. */
  private LongArrayList coldPages(SequenceContent content, SequenceGate gate, long bytes) {
    if (!gate.tryLook()) {
      return new LongArrayList();
    }
    try {
      return coldPages(content, bytes);
    } finally {
      gate.leave();
    }
  }

  /** The coldest resident pages of a sequence, of {@code bytes} or a little more. */
  private LongArrayList coldPages(SequenceContent content, long bytes) {
    LongArrayList pages = new LongArrayList();
    int behind = content.pagesPerLane();
    long found = 0;
    for (int from = 0; from < behind && found < bytes; from += ORDINALS) {
      LongArrayList some = content.sealed(from, from + ORDINALS, true);
      pages.addAll(some);
      found += bytes(some);
    }
    return pages;
  }

  private long bytes(LongArrayList pages) {
    long bytes = 0;
    for (int i = 0; i < pages.size(); i++) {
      bytes += cache.arena().pageBytes(pages.getLong(i));
    }
    return bytes;
  }

  /** Brings a sequence's pages back as far as there is room, the newest tokens' first. */
  void restore(SequenceContent content) {
    Offload offload = cache.offload();
    if (offload == null || !offload.isUsed()) {
      return;
    }
    ArenaStats stats = cache.arena().stats();
    long room = stats.maxBytes() - stats.pageBytes() - 2 * (stats.maxBytes() / PARTS);
    if (stats.pagesAway() == 0 || room <= 0) {
      return;
    }
    boolean more = true;
    for (int to = content.pagesPerLane(); to > 0 && room > 0 && more; to -= ORDINALS) {
      LongArrayList pages = content.sealed(Math.max(0, to - ORDINALS), to, false);
      room -= bytes(pages);
      more = room > 0 && offload.back(pages);
    }
  }
}
