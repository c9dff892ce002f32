package io.kvarena.store;

import io.kvarena.KvShape;
import io.kvarena.memory.ArenaStats;
import io.kvarena.memory.PageArena;
import io.kvarena.policy.Move;
import io.kvarena.policy.MovePlan;
import io.kvarena.policy.StoreView;
import io.kvarena.policy.StoredSequence;
import io.kvarena.store.HostSequence.SequenceGate;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.agrona.collections.LongArrayList;
import org.agrona.collections.LongHashSet;
import org.jspecify.annotations.Nullable;

/**
 * The cache as a placement policy sees it, and the pages that its plan means. Looks into sequences
 * when it is asked for them, a moment each; one that somebody is inside of then has nothing.
 */
final class PlacementView implements StoreView {

  /** Ordinals that are looked at together, so that a lane's pages lie side by side in the tier. */
  static final int ORDINALS = 16;

  /** What is counted of each layer. */
  private static final int RESIDENT = 0;

  private static final int COPIED = 1;
  private static final int AWAY = 2;
  private static final int FIRST_READ = 3;
  private static final int UNREAD = 4;
  private static final int COUNTS = 5;

  private final HostCache cache;
  private final Offload offload;
  private final @Nullable Stored asking;
  private final ArenaStats stats;
  private final long now = System.nanoTime();
  private @Nullable List<StoredSequence> sequences;
  private boolean foundBusy;
  private final Map<Long, Stored> byId = new HashMap<>();

  /**
   * @param asking the sequence that the caller is inside of and wants room for; null for none
   */
  PlacementView(
      HostCache cache, Offload offload, @Nullable SequenceContent asking, ArenaStats stats) {
    this.cache = cache;
    this.offload = offload;
    this.stats = stats;
    this.asking = asking == null ? null : new Stored(asking, null);
    if (this.asking != null) {
      byId.put(this.asking.id(), this.asking);
    }
  }

  @Override
  public KvShape shape() {
    return cache.shape();
  }

  @Override
  public int pageTokens() {
    return cache.plan(0).page().pageTokens();
  }

  @Override
  public long pageBytes(int layer) {
    return cache.pool(cache.plan(layer).pagePool()).pageBytes();
  }

  @Override
  public long maxBytes() {
    return stats.maxBytes();
  }

  @Override
  public long usedBytes() {
    return stats.pageBytes();
  }

  @Override
  public double storeSpeed() {
    return offload.storeSpeed();
  }

  @Override
  public double loadSpeed() {
    return offload.loadSpeed();
  }

  @Override
  public Optional<StoredSequence> asking() {
    return Optional.ofNullable(asking);
  }

  @Override
  public List<StoredSequence> sequences() {
    List<StoredSequence> found = sequences;
    if (found != null) {
      return found;
    }
    found = new ArrayList<>();
    for (Map.Entry<SequenceContent, SequenceGate> open : cache.contents().entrySet()) {
      SequenceGate gate = open.getValue();
      boolean asks = asking != null && open.getKey() == asking.content;
      if (!asks && tryLook(gate)) {
        try {
          Stored stored = new Stored(open.getKey(), gate);
          byId.put(stored.id(), stored);
        } finally {
          gate.leave();
        }
      }
    }
    found.addAll(byId.values());
    found.sort(Comparator.comparingLong(StoredSequence::id));
    sequences = List.copyOf(found);
    return sequences;
  }

  private boolean tryLook(SequenceGate gate) {
    boolean looks = gate.tryLook();
    foundBusy |= !looks;
    return looks;
  }

  /** Whether somebody was inside of a sequence that was to be looked at. */
  boolean foundBusy() {
    return foundBusy;
  }

  /** Which pages a plan means. */
  enum Which {
    /** Those in the arena, of the oldest tokens first. */
    HERE,
    /** Those in the tier alone, of the newest tokens first. */
    AWAY
  }

  /**
   * The pages that a plan means, each once, until they have {@code bytes} or a little more.
   *
   * @param hold whether to take a reference on each
   */
  LongArrayList pages(MovePlan plan, long bytes, Which which, boolean hold) {
    LongArrayList pages = new LongArrayList();
    LongHashSet seen = new LongHashSet();
    long left = Math.min(bytes, plan.bytes());
    for (int i = 0; i < plan.moves().size() && left > 0; i++) {
      Move move = plan.moves().get(i);
      if (!byId.containsKey(move.sequence())) {
        sequences();
      }
      Stored stored = byId.get(move.sequence());
      if (stored != null && stored.tryLook()) {
        try {
          left -= stored.pages(move, left, which, hold, seen, pages);
        } finally {
          stored.leave();
        }
      }
    }
    return pages;
  }

  /** A sequence, as it was at the first look; its pages are counted when somebody asks. */
  private final class Stored implements StoredSequence {
    private final SequenceContent content;
    private final @Nullable SequenceGate gate;
    private final int length;
    private final int pages;
    private final int[] counts = new int[COUNTS * cache.plans().size()];
    private final boolean[] counted = new boolean[cache.plans().size()];

    /** Called inside of the sequence; {@code gate} is null if the caller stays there. */
    Stored(SequenceContent content, @Nullable SequenceGate gate) {
      this.content = content;
      this.gate = gate;
      length = content.length();
      pages = content.pagesPerLane();
    }

    boolean tryLook() {
      return gate == null || PlacementView.this.tryLook(gate);
    }

    void leave() {
      if (gate != null) {
        gate.leave();
      }
    }

    @Override
    public long id() {
      return content.id();
    }

    @Override
    public boolean asks() {
      return gate == null;
    }

    @Override
    public int length() {
      return length;
    }

    @Override
    public int pages() {
      return pages;
    }

    @Override
    public long idleNanos() {
      return Math.max(0, now - content.usedAt());
    }

    @Override
    public int resident(int layer) {
      return count(layer, RESIDENT);
    }

    @Override
    public int copied(int layer) {
      return count(layer, COPIED);
    }

    @Override
    public int away(int layer) {
      return count(layer, AWAY);
    }

    @Override
    public int firstRead(int layer) {
      return count(layer, FIRST_READ);
    }

    @Override
    public int unread(int layer) {
      return count(layer, UNREAD);
    }

    /** Looks at a layer at a time, so that nobody waits long to come in. */
    private int count(int layer, int what) {
      int at = COUNTS * layer;
      if (!counted[layer]) {
        counted[layer] = true;
        if (tryLook()) {
          try {
            count(layer);
          } finally {
            leave();
          }
        }
      }
      return counts[at + what];
    }

    private void count(int layer) {
      int at = COUNTS * layer;
      int firstRead = pages;
      for (Lane lane : content.lanes()[layer]) {
        firstRead = Math.min(firstRead, lane.firstRead());
      }
      counts[at + FIRST_READ] = firstRead;
      counts[at + UNREAD] = count(layer, 0, firstRead, Which.HERE, false);
      counts[at + RESIDENT] = count(layer, 0, pages, Which.HERE, false);
      counts[at + COPIED] = count(layer, 0, pages, Which.HERE, true);
      counts[at + AWAY] = count(layer, 0, pages, Which.AWAY, false);
    }

    private int count(int layer, int from, int to, Which which, boolean copiedOnly) {
      LongArrayList found = new LongArrayList();
      if (from < to) {
        add(new Move(id(), layer, from, to), which, from, to, found);
      }
      int count = 0;
      for (int i = 0; i < found.size(); i++) {
        long page = found.getLong(i);
        // A page's entries stand side by side.
        boolean isSame = i > 0 && page == found.getLong(i - 1);
        if (!isSame && (!copiedOnly || cache.arena().isCopied(page))) {
          count++;
        }
      }
      return count;
    }

    /** Adds pages of a move; what they have in bytes. Called inside of the sequence. */
    long pages(
        Move move, long bytes, Which which, boolean hold, LongHashSet seen, LongArrayList pages) {
      PageArena arena = cache.arena();
      int end = Math.min(move.to(), content.pagesPerLane());
      LongArrayList some = new LongArrayList();
      long found = 0;
      for (int done = 0; done < end - move.from() && found < bytes; done += ORDINALS) {
        int from =
            which == Which.HERE ? move.from() + done : Math.max(move.from(), end - done - ORDINALS);
        int to = which == Which.HERE ? Math.min(end, from + ORDINALS) : end - done;
        some.clear();
        add(move, which, from, to, some);
        for (int i = 0; i < some.size() && found < bytes; i++) {
          long page = some.getLong(i);
          if (seen.add(page) && (!hold || arena.tryRetain(page))) {
            found += arena.pageBytes(page);
            pages.addLong(page);
          }
        }
      }
      return found;
    }

    private void add(Move move, Which which, int from, int to, LongArrayList some) {
      Lane[][] lanes = content.lanes();
      for (int layer = 0; layer < lanes.length; layer++) {
        if (move.layer() == layer || move.layer() == Move.ALL) {
          for (Lane lane : lanes[layer]) {
            lane.pages(from, to, which == Which.HERE, some);
          }
        }
      }
    }
  }
}
