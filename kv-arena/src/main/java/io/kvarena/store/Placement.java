package io.kvarena.store;

import io.kvarena.OutOfPagesException;
import io.kvarena.memory.ArenaStats;
import io.kvarena.policy.Copying;
import io.kvarena.policy.MovePlan;
import io.kvarena.policy.PlacementPolicy;
import io.kvarena.store.PlacementView.Which;
import io.kvarena.tier.TierException;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.agrona.collections.LongArrayList;
import org.jspecify.annotations.Nullable;

/**
 * Moves what a policy names: out when a step is short of pages, back when a step begins and there
 * is room, and both ways between steps if the policy wants it. First of all, where pages are short,
 * prefixes are given up that no sequence uses.
 */
final class Placement {

  /**
   * What goes at a time, as a part of the arena; pages come back while twice that is free, so that
   * what went for a step does not come back with it.
   */
  private static final int PARTS = 16;

  /** How long, and how often, a step waits for sequences that somebody is inside of. */
  private static final long PAUSE_NANOS = 100_000;

  private static final int TRIES_MAX = 100;

  private final HostCache cache;
  private final @Nullable Offload offload;
  private final PlacementPolicy policy;
  private final Copying copying;
  private final @Nullable Mover mover;

  /**
   * The bytes with which the arena was too small when a step was short last. That may be less than
   * its limit: superblocks that a page of one size holds are of no use to those of another.
   */
  private volatile long shortAt = Long.MAX_VALUE;

  Placement(HostCache cache, @Nullable Offload offload, PlacementPolicy policy, Copying copying) {
    this.cache = cache;
    this.offload = offload;
    this.policy = policy;
    this.copying = copying;
    boolean acts = copying != Copying.BACK || policy.actsBetweenSteps();
    mover = offload != null && acts ? new Mover(offload, this::betweenSteps) : null;
  }

  private static long part(ArenaStats stats) {
    return Math.max(1, stats.maxBytes() / PARTS);
  }

  private PlacementView view(Offload of, @Nullable SequenceContent asking, ArenaStats stats) {
    return new PlacementView(cache, of, asking, stats);
  }

  /**
   * What was refused for want of pages.
   *
   * @param bytes what was asked for
   * @param moves {@link #moves} before it was
   * @param tries how often it was refused before
   */
  record Shortage(long bytes, long moves, int tries) {}

  /**
   * Makes room for a sequence that is out of pages; false if nothing more can go.
   *
   * @param own the caller is inside of it
   * @param out what it would be told; gets what the tier says
   */
  boolean makeRoom(SequenceContent own, Shortage shortage, OutOfPagesException out) {
    ArenaStats stats = cache.arena().stats();
    PrefixIndex prefixes = cache.prefixes();
    if (prefixes != null && prefixes.makeRoom(part(stats))) {
      return true;
    }
    shortAt = Math.min(stats.maxBytes(), stats.pageBytes() + shortage.bytes());
    try {
      return makeRoom(own, stats, shortage);
    } catch (TierException failed) {
      out.addSuppressed(failed);
      return false;
    }
  }

  /** Makes room for pages that are no sequence's yet; false if nothing more can go. */
  boolean makeRoom() {
    try {
      return makeRoom(null, cache.arena().stats(), new Shortage(0, moves(), TRIES_MAX));
    } catch (TierException failed) {
      return false;
    }
  }

  private boolean makeRoom(@Nullable SequenceContent own, ArenaStats stats, Shortage shortage) {
    Offload to = offload;
    if (to == null) {
      return false;
    }
    PlacementView view = view(to, own, stats);
    MovePlan plan = policy.out(view, part(stats));
    LongArrayList pages = view.pages(plan, Long.MAX_VALUE, Which.HERE, false);
    if (!pages.isEmpty()) {
      // What was freed or moved by others since we looked has left room as well.
      to.out(pages);
      return true;
    }
    if (to.awaitMoves(shortage.moves())) {
      return true;
    }
    boolean waits = view.foundBusy() && shortage.tries() < TRIES_MAX;
    if (waits) {
      // Others are inside of sequences whose pages could go; most calls are short.
      LockSupport.parkNanos(PAUSE_NANOS);
    }
    return waits;
  }

  /** How often pages have moved so far. */
  long moves() {
    return offload == null ? 0 : offload.moves();
  }

  /**
   * Brings back what the policy wants of a sequence that begins a step, as far as there is room.
   */
  void restore(SequenceContent content) {
    Offload from = offload;
    if (from == null || !from.isUsed()) {
      return;
    }
    ArenaStats stats = cache.arena().stats();
    long room = room(stats);
    if (room > 0) {
      PlacementView view = view(from, content, stats);
      back(from, view, policy.back(view, room), room);
    }
  }

  /** Bytes that may come back; none if nothing is away. */
  private long room(ArenaStats stats) {
    if (stats.pagesAway() == 0) {
      return 0;
    }
    if (stats.pageBytes() < shortAt / 2) {
      // Much has gone since; what stood in the way then may have gone too.
      shortAt = Long.MAX_VALUE;
    }
    return Math.min(stats.maxBytes(), shortAt) - stats.pageBytes() - 2 * part(stats);
  }

  /**
   * Brings back what a plan names; whether that was something, and there was room for all of it.
   */
  private boolean back(Offload from, PlacementView view, MovePlan plan, long room) {
    LongArrayList pages = view.pages(plan, room, Which.AWAY, true);
    try {
      return !pages.isEmpty() && from.back(pages);
    } finally {
      for (int i = 0; i < pages.size(); i++) {
        cache.arena().release(pages.getLong(i));
      }
    }
  }

  // ---- between steps ----

  /** Called when a sequence has sealed a page. */
  void sealed(long page) {
    if (mover != null && copying == Copying.THROUGH) {
      mover.copy(page);
    }
  }

  /** Called when a step has ended or a sequence has gone: what the policy wants may differ now. */
  void changed() {
    if (mover != null && (copying == Copying.SELECTIVE || policy.actsBetweenSteps())) {
      mover.ask();
    }
  }

  /**
   * Does what the policy wants done between steps, a part of the arena at a time, so that a step
   * that is short never waits long. Whether it is worth trying again soon: somebody was inside of a
   * sequence whose pages were looked for.
   */
  private boolean betweenSteps(Offload of, BooleanSupplier goesOn) {
    boolean again = false;
    if (policy.actsBetweenSteps()) {
      again = surplus(of, goesOn);
      fill(of, goesOn);
    }
    if (copying == Copying.SELECTIVE && goesOn.getAsBoolean()) {
      ArenaStats stats = cache.arena().stats();
      PlacementView view = view(of, null, stats);
      LongArrayList pages =
          view.pages(policy.copies(view, part(stats)), Long.MAX_VALUE, Which.HERE, false);
      of.copy(pages);
      again |= view.foundBusy();
    }
    return again;
  }

  private boolean surplus(Offload of, BooleanSupplier goesOn) {
    ArenaStats stats = cache.arena().stats();
    PlacementView view = view(of, null, stats);
    MovePlan surplus = policy.surplus(view);
    long left = surplus.bytes();
    long freed = 1;
    while (left > 0 && freed > 0 && goesOn.getAsBoolean()) {
      LongArrayList pages = view.pages(surplus, Math.min(left, part(stats)), Which.HERE, false);
      freed = pages.isEmpty() ? 0 : of.out(pages);
      left -= freed;
    }
    return left > 0 && view.foundBusy();
  }

  /** Brings back what the policy wants while there is room. */
  private void fill(Offload of, BooleanSupplier goesOn) {
    boolean more = of.isUsed();
    while (more && goesOn.getAsBoolean()) {
      ArenaStats stats = cache.arena().stats();
      long room = room(stats);
      more = room > 0;
      if (more) {
        PlacementView view = view(of, null, stats);
        more = back(of, view, policy.back(view, room), Math.min(room, part(stats)));
      }
    }
  }

  /** Does something while nothing moves between steps. */
  void whileStill(Runnable task) {
    if (mover == null) {
      task.run();
    } else {
      mover.whileStill(task);
    }
  }

  /** Ends what moves between steps; what is queued is not done. */
  void close() {
    if (mover != null) {
      mover.close();
    }
  }
}
