package io.kvarena.store;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import io.kvarena.LayerShape;
import io.kvarena.attention.RawTile;
import io.kvarena.format.PageLayout;
import io.kvarena.format.TileKind;
import io.kvarena.memory.PageArena;
import io.kvarena.memory.PageId;
import io.kvarena.memory.PagePool;
import io.kvarena.transform.TransformInstance;
import io.kvarena.transform.TransformSpec;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import java.util.function.IntToLongFunction;
import org.agrona.collections.LongArrayList;

/**
 * One sequence's tokens in one (layer, head group): a block table, and granules that hold the
 * newest rows raw.
 *
 * <p>Slots are counted through all pages, {@code ordinal · pageTokens + slot}. Raw rows exist for
 * the slots [rawFrom, end): the page being filled, the recent pages before it, the pages that this
 * step filled until the layer has attended, and what the rollback asks for. A page is sealed when
 * no query to come reads it raw: as many pages behind the one that was filled as count as recent.
 */
final class Lane {

  static final int GRANULE = PageLayout.GRANULE_TOKENS;

  private final HostCache cache;
  private final LayerPlan plan;
  private final int firstHead;
  private final int pageTokens;
  private final BlockTable table;
  private final LongArrayList granules;

  /**
   * What the keys of every encoded page of the table were transformed by, [heads]; empty if they
   * are not transformed or nothing is encoded yet.
   */
  private TransformInstance[] keyInstances;

  private int rawFrom;
  private int end;

  /** The last step for which pages that are away were asked for. */
  private long aheadOf;

  Lane(HostCache cache, LayerPlan plan, int firstHead, int expectedTokens) {
    this.cache = cache;
    this.plan = plan;
    this.firstHead = firstHead;
    pageTokens = plan.page().pageTokens();
    table = new BlockTable(expectedTokens / pageTokens + 2);
    granules = new LongArrayList(16, PageId.NONE);
    TransformInstance[] ofLayer = plan.transforms().keyInstances();
    keyInstances =
        ofLayer.length == 0
            ? ofLayer
            : Arrays.copyOfRange(ofLayer, firstHead, firstHead + plan.page().heads());
  }

  /** A fork: shares every page and granule of {@code other}. */
  Lane(Lane other) {
    cache = other.cache;
    plan = other.plan;
    firstHead = other.firstHead;
    pageTokens = other.pageTokens;
    table = new BlockTable(other.table);
    granules = new LongArrayList(Math.max(16, other.granules.size()), PageId.NONE);
    keyInstances = other.keyInstances;
    rawFrom = other.rawFrom;
    end = other.end;
    for (int i = 0; i < table.size(); i++) {
      if (table.isSealed(i)) {
        retain(poolOf(table.ordinal(i)), table.page(i));
      }
    }
    for (int i = 0; i < other.granules.size(); i++) {
      retain(granulePool(), other.granules.getLong(i));
      granules.addLong(other.granules.getLong(i));
    }
  }

  private static void retain(PagePool pool, long page) {
    boolean retained = pool.tryRetain(page);
    assert retained : "a referenced page was gone: " + PageId.of(page);
  }

  BlockTable table() {
    return table;
  }

  LayerPlan plan() {
    return plan;
  }

  int firstHead() {
    return firstHead;
  }

  /** The transforms of the encoded pages' keys, [heads]; empty if there are none. */
  TransformInstance[] keyInstances() {
    return keyInstances;
  }

  /** Whether the encoded pages of both were made by the same transforms of keys. */
  boolean codesAs(Lane other) {
    if (keyInstances.length != other.keyInstances.length) {
      return false;
    }
    for (int i = 0; i < keyInstances.length; i++) {
      if (keyInstances[i] != other.keyInstances[i]) {
        return false;
      }
    }
    return true;
  }

  /** The slot of the next token. */
  int end() {
    return end;
  }

  private PagePool poolOf(int ordinal) {
    return cache.pool(plan.pool(ordinal));
  }

  private PagePool granulePool() {
    return cache.pool(plan.granulePool());
  }

  private PageArena arena() {
    return cache.arena();
  }

  // ---- room ----

  /**
   * Pages with ordinals in [from, to) that appending {@code tokens} at {@code end} seals at most.
   */
  int pagesNeeded(int end, int tokens, int from, int to) {
    int first = Math.max(from, end / pageTokens - plan.recentPages());
    int behind = Math.min(to, (end + tokens) / pageTokens - plan.recentPages());
    return Math.max(0, behind - first);
  }

  /** Granules to have at hand while {@code tokens} are appended and attended. */
  int granulesNeeded(int tokens) {
    boolean copy = hasGranuleAtEnd() && isShared(granules.size() - 1);
    return granulesUpTo(end + tokens) - granules.size() + (copy ? 1 : 0);
  }

  /** Granules that come back once the layer has attended {@code tokens} more. */
  int granulesFreed(int tokens, int rollback) {
    int keepFrom = keepFrom(end + tokens, rollback);
    int freed = 0;
    for (int i = 0, slot = rawFrom; slot < keepFrom; i++, slot += GRANULE) {
      if (i >= granules.size() || !isShared(i)) {
        freed++;
      }
    }
    return freed;
  }

  /** Whether the next token's row goes into a granule that exists. */
  private boolean hasGranuleAtEnd() {
    return (end - rawFrom) / GRANULE < granules.size();
  }

  private boolean isShared(int granule) {
    return arena().references(granules.getLong(granule)) > 1;
  }

  private int granulesUpTo(int slots) {
    return (slots - rawFrom + GRANULE - 1) / GRANULE;
  }

  /** The first slot whose raw row outlives the step: a page's first. */
  private int keepFrom(int newEnd, int rollback) {
    int ordinal = Math.max(0, newEnd - rollback) / pageTokens - plan.recentPages();
    return Math.max(rawFrom, ordinal * pageTokens);
  }

  // ---- append and seal ----

  /**
   * Appends rows of {@code tokens} tokens at positions from {@code position} on and seals the pages
   * that they fill.
   *
   * @param keys native f32 [tokens][kvHeads][keyDim], all of the layer's heads
   * @param values native f32 [tokens][kvHeads][valueDim]
   */
  void append(
      int tokens,
      int position,
      MemorySegment keys,
      MemorySegment values,
      Reservation reservation,
      Workspace workspace,
      SequenceContent owner) {
    for (int token = 0; token < tokens; ) {
      long granule = writableGranule(reservation, owner);
      int count = Math.min(tokens - token, GRANULE - end % GRANULE);
      put(granule, end % GRANULE, count, token, keys, values, workspace);
      for (int i = 0; i < count; i++) {
        table.appendToken(end / pageTokens, end % pageTokens, position + token + i);
        end++;
      }
      token += count;
      if (end % pageTokens == 0) {
        seal(end / pageTokens - 1 - plan.recentPages(), reservation, workspace, owner);
      }
    }
  }

  private long writableGranule(Reservation reservation, SequenceContent owner) {
    int last = granules.size() - 1;
    if (!hasGranuleAtEnd()) {
      long fresh = owner.granule(plan, reservation);
      granules.addLong(fresh);
      return fresh;
    }
    if (!isShared(last)) {
      return granules.getLong(last);
    }
    long shared = granules.getLong(last);
    long copy = owner.granule(plan, reservation);
    MemorySegment.copy(
        arena().slab(shared),
        arena().offset(shared),
        arena().slab(copy),
        arena().offset(copy),
        plan.granule().pageBytes());
    granules.setLong(last, copy);
    granulePool().release(shared);
    return copy;
  }

  private void put(
      long granule,
      int slot,
      int count,
      int token,
      MemorySegment keys,
      MemorySegment values,
      Workspace workspace) {
    LayerShape layer = plan.shape();
    long row = (long) token * layer.kvHeads() + firstHead;
    workspace.rows.put(
        plan.granule(),
        arena().slab(granule),
        arena().offset(granule),
        slot,
        count,
        keys,
        4 * row * layer.keyDim(),
        values,
        4 * row * layer.valueDim());
  }

  /** Encodes the raw rows of a full page, once; a page of which nothing lives is not kept. */
  private void seal(
      int ordinal, Reservation reservation, Workspace workspace, SequenceContent owner) {
    int first = table.firstOf(ordinal);
    long live = liveOf(ordinal);
    // Sealed already: a truncation came back to before the time for it.
    if (live == 0 || table.isSealed(first)) {
      return;
    }
    long page = reservation.next(plan.pool(ordinal));
    assert page != PageId.NONE : "a sealed page was not reserved";
    PageLayout layout = plan.layout(ordinal);
    boolean pinned = ordinal < plan.pinnedPages();
    boolean fix = !pinned && plan.transforms().keys().isByContent() && !hasEncoded();
    TransformInstance[] instances = fix ? new TransformInstance[layout.heads()] : keyInstances;
    MemorySegment slab = arena().slab(page);
    long offset = arena().offset(page);
    RawTile raw = workspace.raw;
    for (int head = 0; head < layout.heads(); head++) {
      point(raw, TileKind.KEYS, head, ordinal, live);
      if (fix) {
        int keyDim = raw.channels();
        workspace.pageRows = Workspace.fit(workspace.pageRows, pageTokens * keyDim);
        raw.decode(workspace.pageRows);
        instances[head] = plan.transforms().of(workspace.pageRows, counted(ordinal, live), keyDim);
      }
      workspace.rows.seal(
          raw,
          layout.keys(),
          pinned || instances.length == 0 ? null : instances[head],
          slab,
          offset + layout.keyTileOffset(head));
      point(raw, TileKind.VALUES, head, ordinal, live);
      workspace.rows.seal(
          raw,
          layout.values(),
          pinned ? null : plan.transforms().values(),
          slab,
          offset + layout.valueTileOffset(head));
    }
    keyInstances = instances;
    for (int i = first; i < table.size() && table.ordinal(i) == ordinal; i++) {
      if (i > first) {
        retain(poolOf(ordinal), page);
      }
      table.page(i, page);
    }
    owner.sealed(plan, firstHead / layout.heads(), ordinal, page);
  }

  /** The slots of a page that live. */
  private long liveOf(int ordinal) {
    long live = 0;
    for (int i = table.firstOf(ordinal); i < table.size() && table.ordinal(i) == ordinal; i++) {
      live |= table.mask(i);
    }
    return live;
  }

  /** Whether a page with a transform is sealed; pages are sealed in the order of their ordinals. */
  private boolean hasEncoded() {
    int first = table.firstOf(plan.pinnedPages());
    return first < table.size() && table.isSealed(first);
  }

  /** The slots that count when a page's rows fix a transform: all that live but for sinks. */
  private long counted(int ordinal, long live) {
    int sinks = Math.max(0, TransformSpec.SINKS - ordinal * pageTokens);
    return live & -1L << sinks;
  }

  /** Points {@code raw} at the raw rows of one head of a page. */
  private void point(RawTile raw, TileKind kind, int head, int ordinal, long live) {
    PageLayout layout = plan.granule();
    boolean keys = kind == TileKind.KEYS;
    raw.start(
        kind,
        keys ? layout.keys().raw() : layout.values().raw(),
        pageTokens,
        keys ? plan.shape().keyDim() : plan.shape().valueDim(),
        live);
    long tile = keys ? layout.keyTileOffset(head) : layout.valueTileOffset(head);
    for (int slot = 0; slot < pageTokens; slot += GRANULE) {
      long granule = granuleOf(ordinal * pageTokens + slot);
      if (granule != PageId.NONE) {
        raw.granule(slot / GRANULE, arena().slab(granule), arena().offset(granule) + tile);
      }
    }
  }

  private int granuleIndex(int slot) {
    int index = Math.floorDiv(slot - rawFrom, GRANULE);
    return index < granules.size() ? index : -1;
  }

  /** Lets go of the raw rows that neither the page being filled nor the rollback needs. */
  void trimRaw(int rollback, Reservation reservation) {
    int keepFrom = keepFrom(end, rollback);
    int count = Math.min(granules.size(), (keepFrom - rawFrom) / GRANULE);
    for (int i = 0; i < count; i++) {
      long granule = granules.getLong(i);
      if (arena().references(granule) == 1) {
        arena().wipe(granulePool(), granule);
        reservation.recycle(plan.granulePool(), granule);
      } else {
        granulePool().release(granule);
      }
    }
    removeFirst(count);
    rawFrom = keepFrom;
  }

  private void removeFirst(int count) {
    if (count == 0) {
      return;
    }
    int left = granules.size() - count;
    for (int i = 0; i < left; i++) {
      granules.setLong(i, granules.getLong(i + count));
    }
    while (granules.size() > left) {
      granules.removeAt(granules.size() - 1);
    }
  }

  // ---- forgetting and moving ----

  /** Clears the live bits of the positions [from, to). Returns the slots cleared. */
  int forget(int from, int to) {
    int cleared = 0;
    for (int i = table.size() - 1; i >= 0; i--) {
      long slots = table.slotsIn(i, from, to);
      if (slots == 0) {
        continue;
      }
      cleared += Long.bitCount(slots);
      table.mask(i, table.mask(i) & ~slots);
      if (table.mask(i) == 0) {
        if (table.isSealed(i)) {
          poolOf(table.ordinal(i)).release(table.page(i));
        }
        table.drop(i);
      }
    }
    return cleared;
  }

  /**
   * Forgets the positions from {@code length} on and steps back to the slot behind the last one
   * that lives: into the raw rows where they are kept, else behind the codes of a sealed page.
   */
  void truncate(int length) {
    forget(length, Integer.MAX_VALUE);
    int newEnd = 0;
    for (int i = 0; i < table.size(); i++) {
      int slots = 64 - Long.numberOfLeadingZeros(table.mask(i));
      newEnd = Math.max(newEnd, table.ordinal(i) * pageTokens + slots);
    }
    int ordinal = newEnd / pageTokens;
    int first = table.firstOf(ordinal);
    boolean partial = newEnd % pageTokens != 0;
    boolean encoded = partial && first < table.size() && table.isSealed(first);
    if (encoded && !isRaw(ordinal)) {
      // A sealed page is never written again: the next page starts at the same slot in its stead.
      dropGranulesFrom(0);
      end = newEnd + pageTokens;
      rawFrom = end / GRANULE * GRANULE;
      return;
    }
    if (encoded) {
      for (int i = first; i < table.size(); i++) {
        poolOf(ordinal).release(table.page(i));
        table.page(i, PageId.NONE);
      }
    }
    end = newEnd;
    if (newEnd < rawFrom) {
      dropGranulesFrom(0);
      rawFrom = newEnd;
    } else {
      dropGranulesFrom(granulesUpTo(newEnd));
    }
  }

  /**
   * Keeps the tokens {@code path} of the newest {@code count}, as if only these had been appended,
   * from {@code position} on. All of them are raw.
   */
  void keep(
      int[] path,
      int count,
      int position,
      Reservation reservation,
      Workspace workspace,
      SequenceContent owner) {
    int kvHeads = plan.shape().kvHeads();
    long rows = (long) path.length * kvHeads;
    MemorySegment keys = workspace.keys(4 * rows * plan.shape().keyDim());
    MemorySegment values = workspace.values(4 * rows * plan.shape().valueDim());
    for (int head = 0; head < plan.granule().heads(); head++) {
      for (int i = 0; i < path.length; i++) {
        int row = i * kvHeads + firstHead + head;
        int slot = end - count + path[i];
        read(TileKind.KEYS, head, slot, plan.shape().keyDim(), keys, row, workspace);
        read(TileKind.VALUES, head, slot, plan.shape().valueDim(), values, row, workspace);
      }
    }
    undo(count);
    append(path.length, position, keys, values, reservation, workspace, owner);
  }

  /** Reads a slot's raw row of one head into row {@code row} of {@code rows}. */
  private void read(
      TileKind kind,
      int head,
      int slot,
      int channels,
      MemorySegment rows,
      int row,
      Workspace workspace) {
    PageLayout layout = plan.granule();
    workspace.granuleRows = Workspace.fit(workspace.granuleRows, GRANULE * channels);
    long granule = granuleOf(slot);
    assert slot >= rawFrom && granule != PageId.NONE : "the row is not raw";
    long tile = kind == TileKind.KEYS ? layout.keyTileOffset(head) : layout.valueTileOffset(head);
    (kind == TileKind.KEYS ? layout.keys() : layout.values())
        .decode(
            kind,
            arena().slab(granule),
            arena().offset(granule) + tile,
            GRANULE,
            channels,
            workspace.granuleRows);
    MemorySegment.copy(
        workspace.granuleRows,
        slot % GRANULE * channels,
        rows,
        JAVA_FLOAT,
        4L * row * channels,
        channels);
  }

  /** Takes the newest {@code count} tokens back, all of them raw, and what was sealed for them. */
  private void undo(int count) {
    int newEnd = end - count;
    for (int i = table.size() - 1; i >= 0; i--) {
      int kept = Math.clamp(newEnd - (long) table.ordinal(i) * pageTokens, 0, pageTokens);
      table.mask(i, kept == 0 ? 0 : table.mask(i) & -1L >>> (64 - kept));
      if (table.mask(i) == 0) {
        if (table.isSealed(i)) {
          poolOf(table.ordinal(i)).release(table.page(i));
        }
        table.drop(i);
      }
    }
    for (int i = table.firstOf(newEnd / pageTokens - plan.recentPages()); i < table.size(); i++) {
      // Raw rows are gone where a truncation came back to behind codes, which stay then.
      if (table.isSealed(i) && isRaw(table.ordinal(i))) {
        poolOf(table.ordinal(i)).release(table.page(i));
        table.page(i, PageId.NONE);
      }
    }
    end = newEnd;
    dropGranulesFrom(granulesUpTo(newEnd));
  }

  private void dropGranulesFrom(int count) {
    while (granules.size() > count) {
      granulePool().release(granules.removeAt(granules.size() - 1));
    }
  }

  /** Moves the tokens at positions [from, to) by {@code delta}. */
  void shift(int from, int to, int delta) {
    // Backwards, so that entries split off behind the one at hand are not looked at again.
    for (int i = table.size() - 1; i >= 0; i--) {
      long moved = table.slotsIn(i, from, to);
      if (moved != 0 && table.shift(i, moved, delta) && table.isSealed(i)) {
        retain(poolOf(table.ordinal(i)), table.page(i));
      }
    }
  }

  // ---- tiers ----

  /** Asks for the pages that a step reads and whose bytes are away, once in a step. */
  void ahead(Offload offload, long step) {
    if (aheadOf >= step) {
      return;
    }
    aheadOf = step;
    int lowest = lowestRead();
    LongArrayList away = null;
    for (int i = 0; i < table.size(); i++) {
      if (isRead(i, lowest) && table.isSealed(i) && !arena().isResident(table.page(i))) {
        away = away == null ? new LongArrayList() : away;
        away.addLong(table.page(i));
      }
    }
    if (away != null) {
      offload.ahead(away);
    }
  }

  /** The lowest position that a query to come sees. */
  private int lowestRead() {
    return plan.shape().kind().lowestVisible(table.end());
  }

  private boolean isRead(int entry, int lowest) {
    return table.position(entry) + PageLayout.TOKENS_MAX > lowest;
  }

  /**
   * The lowest ordinal of a page that a query to come may read; behind the last if there is none.
   */
  int firstRead() {
    int lowest = lowestRead();
    for (int i = 0; i < table.size(); i++) {
      if (isRead(i, lowest)) {
        return table.ordinal(i);
      }
    }
    return end / pageTokens + 1;
  }

  /** Adds the sealed pages with ordinals in [from, to) whose bytes are in the arena, or not. */
  void pages(int from, int to, boolean resident, LongArrayList pages) {
    for (int i = table.firstOf(from); i < table.size() && table.ordinal(i) < to; i++) {
      if (table.isSealed(i) && arena().isResident(table.page(i)) == resident) {
        pages.addLong(table.page(i));
      }
    }
  }

  /** Adds a whole page behind the others, on which a reference becomes the lane's. */
  void adopt(long page, TransformInstance[] instances) {
    assert end % pageTokens == 0 && granules.isEmpty() : "a page behind a tail";
    table.add(end / pageTokens, page, wholeMask(), end, 0);
    end += pageTokens;
    rawFrom = end;
    if (end / pageTokens > plan.pinnedPages() && instances.length > 0) {
      keyInstances = instances;
    }
  }

  private long wholeMask() {
    return -1L >>> (64 - pageTokens);
  }

  /** A sealed page whose tokens stand where they were appended; NONE if it is not such. */
  long wholePage(int ordinal) {
    int entry = table.firstOf(ordinal);
    boolean isWhole =
        entry < table.size()
            && table.ordinal(entry) == ordinal
            && table.mask(entry) == wholeMask()
            && table.base(entry) == ordinal * pageTokens
            && table.delta(entry) == 0;
    return isWhole ? table.page(entry) : PageId.NONE;
  }

  /** Puts a page of the same bytes in the place of a whole one. */
  void replace(int ordinal, long page) {
    PagePool pool = poolOf(ordinal);
    int entry = table.firstOf(ordinal);
    if (pool.tryRetain(page)) {
      pool.release(table.page(entry));
      table.page(entry, page);
    }
  }

  /** What the keys were transformed by, [heads], where that follows from content; else none. */
  TransformInstance[] ownInstances() {
    return plan.transforms().keys().isByContent() ? keyInstances : new TransformInstance[0];
  }

  /** Writes the lane down; its pages and granules go by the numbers that they are given. */
  LaneRecord record(LaneRecord.Numbering numbering) {
    LaneRecord.Entry[] entries = new LaneRecord.Entry[table.size()];
    for (int i = 0; i < entries.length; i++) {
      int ordinal = table.ordinal(i);
      int number = numbering.number(table.page(i), plan.pool(ordinal));
      entries[i] =
          new LaneRecord.Entry(ordinal, number, table.mask(i), table.base(i), table.delta(i));
    }
    int[] raw = new int[granules.size()];
    for (int i = 0; i < raw.length; i++) {
      raw[i] = numbering.number(granules.getLong(i), plan.granulePool());
    }
    boolean own = plan.transforms().keys().isByContent();
    float[][] means = new float[own ? keyInstances.length : 0][];
    float[][] weights = new float[means.length][];
    for (int head = 0; head < means.length; head++) {
      means[head] = keyInstances[head].means();
      weights[head] = keyInstances[head].weights();
    }
    return new LaneRecord(rawFrom, end, entries, raw, means, weights);
  }

  /**
   * Makes an empty lane what a record says.
   *
   * @param pages a page or granule by its number, each with one reference that becomes the lane's
   */
  void restore(LaneRecord from, IntToLongFunction pages) {
    Set<Integer> named = new HashSet<>();
    for (LaneRecord.Entry entry : from.entries()) {
      long page = entry.page() < 0 ? PageId.NONE : pages.applyAsLong(entry.page());
      if (page != PageId.NONE && !named.add(entry.page())) {
        retain(poolOf(entry.ordinal()), page);
      }
      table.add(entry.ordinal(), page, entry.mask(), entry.base(), entry.delta());
    }
    for (int granule : from.granules()) {
      granules.addLong(pages.applyAsLong(granule));
    }
    rawFrom = from.rawFrom();
    end = from.end();
    if (from.means().length > 0) {
      TransformInstance[] instances = new TransformInstance[from.means().length];
      for (int head = 0; head < instances.length; head++) {
        instances[head] =
            plan.transforms()
                .keys()
                .instance(from.means()[head], from.weights()[head], plan.shape().keyDim());
      }
      keyInstances = instances;
    }
  }

  /** The granule that holds a slot, {@link PageId#NONE} if there is none. */
  long granuleOf(int slot) {
    int index = granuleIndex(slot);
    return index < 0 ? PageId.NONE : granules.getLong(index);
  }

  /** Granules held. */
  int granuleCount() {
    return granules.size();
  }

  /** The granule at a place in the list, for the audit. */
  long granuleAt(int index) {
    return granules.getLong(index);
  }

  /** Drops every reference. */
  void release() {
    for (int i = table.size() - 1; i >= 0; i--) {
      if (table.isSealed(i)) {
        poolOf(table.ordinal(i)).release(table.page(i));
      }
      table.drop(i);
    }
    dropGranulesFrom(0);
  }

  /** Whether every live slot of page {@code ordinal} still has its raw row. */
  boolean isRaw(int ordinal) {
    for (int i = table.firstOf(ordinal); i < table.size() && table.ordinal(i) == ordinal; i++) {
      if (ordinal * pageTokens + Long.numberOfTrailingZeros(table.mask(i)) < rawFrom) {
        return false;
      }
    }
    return true;
  }
}
