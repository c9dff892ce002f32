package io.kvarena.store;

import io.kvarena.DraftTree;
import io.kvarena.KvEvent;
import io.kvarena.KvShape;
import io.kvarena.LayerShape;
import io.kvarena.OpenRequest;
import io.kvarena.OutOfPagesException;
import io.kvarena.format.PageFormat;
import io.kvarena.format.PageLayout;
import io.kvarena.memory.PageId;
import io.kvarena.policy.Selection;
import io.kvarena.policy.SequenceView;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.agrona.collections.LongArrayList;
import org.jspecify.annotations.Nullable;

/**
 * What a sequence holds: its lanes, its length and the step that is open. Reached through one
 * {@link HostSequence} at a time, or by the leak detector once that handle is gone.
 */
final class SequenceContent implements SequenceView {

  private final HostCache cache;
  private final long id;
  private final Lane[][] lanes;
  private final Reservation reservation;
  private final boolean[] appended;
  private final long[] needed;
  private int appendedLayers;
  private int stepTokens;

  /** Counts the steps begun. */
  private long step;

  /** When the sequence was last attended, in nanoseconds of the system's clock. */
  private volatile long usedAt = System.nanoTime();

  private int stepPosition;

  /** The tree of the step's tokens; null if it was not attended as one. */
  private @Nullable DraftTree stepTree;

  private int length;

  /** What its chunks follow from; null if nobody is to go on from them. */
  private @Nullable TokenChain chain;

  SequenceContent(HostCache cache, long id, int expectedTokens) {
    this(cache, id);
    for (LayerPlan plan : cache.plans()) {
      Lane[] ofLayer = new Lane[plan.lanes()];
      for (int i = 0; i < ofLayer.length; i++) {
        ofLayer[i] = new Lane(cache, plan, i * plan.page().heads(), expectedTokens);
      }
      lanes[plan.index()] = ofLayer;
    }
  }

  private SequenceContent(HostCache cache, long id) {
    this.cache = cache;
    this.id = id;
    lanes = new Lane[cache.plans().size()][];
    reservation = new Reservation(cache.pools());
    appended = new boolean[lanes.length];
    needed = new long[2 * cache.pools().size()];
    appendedLayers = lanes.length;
  }

  SequenceContent fork(long childId) {
    checkNoStep("fork");
    SequenceContent child = new SequenceContent(cache, childId);
    for (int layer = 0; layer < lanes.length; layer++) {
      Lane[] copies = new Lane[lanes[layer].length];
      for (int i = 0; i < copies.length; i++) {
        copies[i] = new Lane(lanes[layer][i]);
      }
      child.lanes[layer] = copies;
    }
    child.length = length;
    child.chain = chain == null ? null : new TokenChain(chain);
    return child;
  }

  /** Begins with what is cached of a prompt. */
  void begin(OpenRequest request, PrefixIndex index) {
    TokenChain begun = index.chain(request);
    index.adopt(request.prompt(), begun, lanes);
    chain = begun;
    length = begun.count();
  }

  long id() {
    return id;
  }

  // ---- a step ----

  void extend(int[] tokenIds) {
    int tokens = tokenIds.length;
    checkNoStep("extend");
    if (tokens < 1) {
      throw new IllegalArgumentException(
          "a step has at least one token: tokens=" + tokens + "; pass the new tokens' ids");
    }
    if (length > Integer.MAX_VALUE - tokens) {
      throw new IllegalArgumentException(
          "positions would overflow: length="
              + length
              + ", tokens="
              + tokens
              + "; shift the sequence down");
    }
    finishStep();
    cache.evict(this, tokens);
    reserve(needs(tokens), tokens);
    step++;
    cache.placement().restore(this);
    stepTokens = tokens;
    stepPosition = length;
    appendedLayers = 0;
    Arrays.fill(appended, false);
    if (chain != null) {
      chain.add(tokenIds, tokens);
    }
  }

  /** Sets pages aside; where there are none, others are offloaded for them. */
  private void reserve(long[] needs, int tokens) {
    for (int tries = 0; ; tries++) {
      long moves = cache.placement().moves();
      try {
        reservation.take(needs, tokens);
        return;
      } catch (OutOfPagesException out) {
        Placement.Shortage shortage = new Placement.Shortage(bytes(needs), moves, tries);
        if (!cache.placement().makeRoom(this, shortage, out)) {
          throw out;
        }
      }
    }
  }

  private long bytes(long[] needs) {
    long bytes = 0;
    for (int pool = 0; pool < cache.pools().size(); pool++) {
      bytes += needs[pool] * cache.pool(pool).pageBytes();
    }
    return bytes;
  }

  /**
   * Pages to set aside, by pool. While a layer is appended it needs its granules, whatever the
   * other layers have added for good by then; so the sum of what all add, and the most that one
   * needs on top for a while.
   */
  private long[] needs(int tokens) {
    Arrays.fill(needed, 0);
    int pools = cache.pools().size();
    for (int layer = 0; layer < lanes.length; layer++) {
      LayerPlan plan = lanes[layer][0].plan();
      long granules = 0;
      long freed = 0;
      for (Lane lane : lanes[layer]) {
        int pinned = plan.pinnedPages();
        needed[plan.pinnedPool()] += lane.pagesNeeded(lane.end(), tokens, 0, pinned);
        needed[plan.pagePool()] += lane.pagesNeeded(lane.end(), tokens, pinned, Integer.MAX_VALUE);
        granules += lane.granulesNeeded(tokens);
        freed += lane.granulesFreed(tokens, cache.rollback());
      }
      long stays = Math.max(0, granules - freed);
      needed[plan.granulePool()] += stays;
      int most = pools + plan.granulePool();
      needed[most] = Math.max(needed[most], granules - stays);
    }
    for (int pool = 0; pool < pools; pool++) {
      needed[pool] += needed[pools + pool];
    }
    return needed;
  }

  void append(int layer, MemorySegment keys, MemorySegment values) {
    LayerShape shape = shapeOf(layer);
    if (appendedLayers == lanes.length) {
      throw new IllegalStateException(
          "no step is open: sequence=" + id + ", layer=" + layer + "; call extend first");
    }
    if (appended[layer]) {
      throw new IllegalStateException(
          "a layer is appended once in a step: sequence="
              + id
              + ", layer="
              + layer
              + "; call extend for the next tokens when all layers are in");
    }
    Rows.checkSize("keys", keys, layer, stepTokens, shape.kvHeads(), shape.keyDim());
    Rows.checkSize("values", values, layer, stepTokens, shape.kvHeads(), shape.valueDim());
    LayerPlan plan = lanes[layer][0].plan();
    Workspace workspace = cache.workspaces().borrow();
    try {
      MemorySegment nativeKeys = workspace.keys(keys);
      MemorySegment nativeValues = workspace.values(values);
      PageLayout tail = plan.granule();
      int keyRow = shape.kvHeads() * shape.keyDim();
      int valueRow = shape.kvHeads() * shape.valueDim();
      check("keys", nativeKeys, tail.keys(), layer, keyRow, workspace);
      check("values", nativeValues, tail.values(), layer, valueRow, workspace);
      for (Lane lane : lanes[layer]) {
        lane.append(
            stepTokens, stepPosition, nativeKeys, nativeValues, reservation, workspace, this);
      }
    } finally {
      cache.workspaces().giveBack(workspace);
    }
    appended[layer] = true;
    appendedLayers++;
    if (appendedLayers == lanes.length) {
      length = stepPosition + stepTokens;
      cache.counters().tokensAppended.add(stepTokens);
      if (cache.hasListeners()) {
        cache.tell(new KvEvent.Appended(id, stepTokens, length));
      }
      JfrEvents.step(id, stepTokens, length);
    }
  }

  private void check(
      String what,
      MemorySegment rows,
      PageFormat tail,
      int layer,
      int perToken,
      Workspace workspace) {
    long count = (long) stepTokens * perToken;
    Rows.check(what, rows, count, tail, layer, perToken, workspace);
  }

  /** A granule for a lane of this sequence while its step is open. */
  long granule(LayerPlan plan, Reservation from) {
    long granule = from.next(plan.granulePool());
    if (granule == PageId.NONE) {
      // Only when layers were appended without being attended: their raw rows are what is missing.
      trimAll();
      granule = from.next(plan.granulePool());
    }
    assert granule != PageId.NONE : "a granule was not reserved";
    return granule;
  }

  /** Called by a lane that has sealed a page. */
  void sealed(LayerPlan plan, int lane, int ordinal, long page) {
    cache.counters().pagesSealed.increment();
    cache.placement().sealed(page);
    if (cache.hasListeners()) {
      cache.tell(
          new KvEvent.Sealed(id, plan.index(), lane, ordinal, plan.layout(ordinal).pageBytes()));
    }
  }

  /** Query tokens that {@code queries} holds; throws unless the layer can be attended with them. */
  int checkQueries(int layer, MemorySegment queries, MemorySegment out) {
    LayerShape shape = shapeOf(layer);
    long row = 4L * shape.queryHeads() * shape.keyDim();
    int count = (int) Math.min(Integer.MAX_VALUE, queries.byteSize() / row);
    checkAttend(layer, count);
    Rows.checkSize("queries", queries, layer, count, shape.queryHeads(), shape.keyDim());
    Rows.checkSize("out", out, layer, count, shape.queryHeads(), shape.valueDim());
    Rows.checkWritable(out, layer);
    return count;
  }

  /** Throws unless {@code count} queries can be attended in the layer. */
  void checkAttend(int layer, int count) {
    shapeOf(layer);
    if (!appended[layer]) {
      throw new IllegalStateException(
          "nothing to attend from: sequence="
              + id
              + ", layer="
              + layer
              + "; call extend and append this layer first");
    }
    if (count < 1 || count > stepTokens) {
      throw new IllegalArgumentException(
          "queries belong to the step's last tokens: queryTokens="
              + count
              + ", stepTokens="
              + stepTokens
              + ", layer="
              + layer
              + "; pass f32 [n][queryHeads][keyDim] with 1 <= n <= stepTokens");
    }
    // A query reads its own page raw, or its answer would depend on who asked first and on memory.
    for (Lane lane : lanes[layer]) {
      int firstPage = (lane.end() - count) / lane.plan().page().pageTokens();
      if (!lane.isRaw(firstPage)) {
        throw new IllegalStateException(
            "the raw rows of the queries' page are gone: sequence="
                + id
                + ", layer="
                + layer
                + ", queryTokens="
                + count
                + "; attend a layer once, before the next one is appended, or keep a rollback");
      }
    }
  }

  /** Attends {@code count} queries, f32 [count][queryHeads][keyDim], checked by the caller. */
  void attend(int layer, int count, MemorySegment queries, MemorySegment out) {
    Workspace workspace = cache.workspaces().borrow();
    FoldJob job = workspace.job();
    try {
      job.start(cache.plan(layer), queries, out);
      addTo(job, layer, count, 0);
      ahead(layer);
      job.run(cache.folds(), workspace);
    } finally {
      job.clear();
      cache.workspaces().giveBack(workspace);
    }
    attended(layer);
  }

  /** Attends all queries of the step, whose tokens are a tree. */
  void attend(int layer, int count, MemorySegment queries, MemorySegment out, DraftTree tree) {
    DraftTree ofStep = stepTree == null ? tree : stepTree;
    if (count != stepTokens || tree.tokens() != stepTokens || !ofStep.equals(tree)) {
      throw new IllegalArgumentException(
          "a tree is that of the step's tokens, the same in every layer: queryTokens="
              + count
              + ", stepTokens="
              + stepTokens
              + ", tree="
              + tree
              + ", treeOfStep="
              + stepTree
              + "; pass all the step's queries and one tree");
    }
    stepTree = tree;
    Workspace workspace = cache.workspaces().borrow();
    FoldJob job = workspace.job();
    try {
      job.start(cache.plan(layer), queries, out);
      for (Lane lane : lanes[layer]) {
        job.add(lane, stepPosition, tree);
      }
      ahead(layer);
      job.run(cache.folds(), workspace);
    } finally {
      job.clear();
      cache.workspaces().giveBack(workspace);
    }
    attended(layer);
  }

  /** Adds the newest {@code count} queries, which are {@code job}'s from {@code token} on. */
  void addTo(FoldJob job, int layer, int count, int token) {
    for (Lane lane : lanes[layer]) {
      job.add(lane, stepPosition + stepTokens - count, count, token);
    }
  }

  /** Asks for what this layer and the next one need of the tier. */
  void ahead(int layer) {
    Offload offload = cache.offload();
    if (offload == null || !offload.isUsed()) {
      return;
    }
    for (Lane lane : lanes[layer]) {
      lane.ahead(offload, step);
    }
    boolean last = layer == lanes.length - 1;
    for (Lane lane : lanes[last ? 0 : layer + 1]) {
      lane.ahead(offload, last ? step + 1 : step);
    }
  }

  /** Lets go of the raw rows that a layer's queries needed. */
  void attended(int layer) {
    usedAt = System.nanoTime();
    for (Lane lane : lanes[layer]) {
      lane.trimRaw(cache.rollback(), reservation);
    }
    if (layer == lanes.length - 1) {
      cache.placement().changed();
    }
  }

  /** Lets go of everything that only the last step needed. */
  private void finishStep() {
    trimAll();
    publish();
    reservation.giveBack();
    stepTokens = 0;
    stepTree = null;
    Arrays.fill(appended, false);
  }

  /** Gives the index what was sealed; what may yet be dropped of a tree of drafts is not told. */
  private void publish() {
    TokenChain of = chain;
    PrefixIndex index = cache.prefixes();
    if (of == null || index == null) {
      return;
    }
    if (stepTree != null) {
      of.taint();
    }
    index.publish(of, lanes);
  }

  /** Notes that keys and values to come depend on more than the tokens before them. */
  private void taint() {
    if (chain != null) {
      chain.taint();
    }
  }

  private void trimAll() {
    for (int layer = 0; layer < lanes.length; layer++) {
      if (appended[layer]) {
        for (Lane lane : lanes[layer]) {
          lane.trimRaw(cache.rollback(), reservation);
        }
      }
    }
  }

  // ---- edits ----

  void commit(int... path) {
    checkNoStep("commit");
    int dropped = stepTokens;
    checkCommit(path);
    stepTree = null;
    if (path.length == dropped) {
      finishStep();
      return;
    }
    // First of all, so that who is refused may evict and try again.
    reserve(commitNeeds(dropped, path.length), path.length);
    keep(path);
    Workspace workspace = cache.workspaces().borrow();
    try {
      for (Lane[] ofLayer : lanes) {
        for (Lane lane : ofLayer) {
          lane.keep(path, dropped, stepPosition, reservation, workspace, this);
        }
      }
    } finally {
      cache.workspaces().giveBack(workspace);
      finishStep();
    }
    length = stepPosition + path.length;
  }

  /** The chain of a step of which only a path is kept. */
  private void keep(int... path) {
    TokenChain of = chain;
    if (of == null) {
      return;
    }
    int[] kept = new int[path.length];
    for (int i = 0; i < path.length; i++) {
      kept[i] = of.token(of.count() - stepTokens + path[i]);
    }
    of.truncate(of.count() - stepTokens, cache.plan(0).page().pageTokens());
    of.add(kept, kept.length);
  }

  private void checkCommit(int... path) {
    if (stepTokens == 0) {
      throw new IllegalStateException(
          "no step to commit: sequence="
              + id
              + ", length="
              + length
              + "; commit comes after a step's last append and before any other change");
    }
    for (int i = 0; i < path.length; i++) {
      int before = i == 0 ? -1 : path[i - 1];
      boolean inStep = path[i] >= 0 && path[i] < stepTokens;
      if (!inStep || before != (stepTree == null ? path[i] - 1 : stepTree.parent(path[i]))) {
        throw new IllegalArgumentException(
            "a path goes from parent to child: token="
                + path[i]
                + ", before="
                + before
                + ", stepTokens="
                + stepTokens
                + ", tree="
                + stepTree
                + "; give indices of the step's tokens, from one without a parent on");
      }
    }
    if (cache.rollback() < stepTokens) {
      throw new IllegalStateException(
          "the raw rows of the step are gone: rollback="
              + cache.rollback()
              + ", stepTokens="
              + stepTokens
              + "; build the cache with a rollback of a step's tokens");
    }
  }

  /** Pages that keeping {@code kept} of the newest {@code dropped} tokens takes at most. */
  private long[] commitNeeds(int dropped, int kept) {
    Arrays.fill(needed, 0);
    for (Lane[] ofLayer : lanes) {
      LayerPlan plan = ofLayer[0].plan();
      for (Lane lane : ofLayer) {
        int end = lane.end() - dropped;
        int pinned = plan.pinnedPages();
        needed[plan.pinnedPool()] += lane.pagesNeeded(end, kept, 0, pinned);
        needed[plan.pagePool()] += lane.pagesNeeded(end, kept, pinned, Integer.MAX_VALUE);
        // The granule in which the step began may be a fork's too.
        needed[plan.granulePool()] += kept / Lane.GRANULE + 2;
      }
    }
    return needed;
  }

  void truncate(int newLength) {
    checkNoStep("truncate");
    if (newLength < 0 || newLength > length) {
      throw new IllegalArgumentException(
          "truncate shortens: length="
              + length
              + ", wanted="
              + newLength
              + "; give a length between 0 and the present one");
    }
    finishStep();
    for (Lane[] ofLayer : lanes) {
      for (Lane lane : ofLayer) {
        lane.truncate(newLength);
        if (lane.end() != newLength) {
          // It goes on behind codes, where a fresh prompt would read raw rows.
          taint();
        }
      }
    }
    if (chain != null) {
      chain.truncate(newLength, cache.plan(0).page().pageTokens());
    }
    length = newLength;
  }

  void remove(int from, int to) {
    checkNoStep("remove");
    checkRange("remove", from, to);
    finishStep();
    if (from < to) {
      taint();
    }
    for (Lane[] ofLayer : lanes) {
      for (Lane lane : ofLayer) {
        lane.forget(from, to);
      }
    }
  }

  void shift(int from, int to, int delta) {
    checkNoStep("shift");
    checkRange("shift", from, to);
    for (Lane[] ofLayer : lanes) {
      for (Lane lane : ofLayer) {
        checkShift(lane.table(), from, to, delta);
      }
    }
    finishStep();
    taint();
    int highest = 0;
    for (Lane[] ofLayer : lanes) {
      for (Lane lane : ofLayer) {
        lane.shift(from, to, delta);
        highest = Math.max(highest, lane.table().end());
      }
    }
    length = to >= length ? highest : Math.max(length, highest);
  }

  /** Throws if a moved token would come to stand outside all positions or on a resting token. */
  private static void checkShift(BlockTable table, int from, int to, int delta) {
    // The entries with resting slots, by position: what a moved entry may meet is within a page.
    long[] resting = new long[table.size()];
    int count = 0;
    for (int i = 0; i < table.size(); i++) {
      if ((table.mask(i) & ~table.slotsIn(i, from, to)) != 0) {
        resting[count++] = (long) table.position(i) << 32 | i;
      }
    }
    Arrays.sort(resting, 0, count);
    for (int i = 0; i < table.size(); i++) {
      long moved = table.slotsIn(i, from, to);
      if (moved == 0) {
        continue;
      }
      long target = (long) table.position(i) + delta;
      long lowest = target + Long.numberOfTrailingZeros(moved);
      long highest = target + 63 - Long.numberOfLeadingZeros(moved);
      if (lowest < 0 || highest >= Integer.MAX_VALUE) {
        throw notFree(from, to, delta, lowest < 0 ? lowest : highest);
      }
      int at = Arrays.binarySearch(resting, 0, count, (target - 63) << 32);
      for (at = at < 0 ? -at - 1 : at; at < count && resting[at] >> 32 <= target + 63; at++) {
        int entry = (int) resting[at];
        long rests = table.mask(entry) & ~table.slotsIn(entry, from, to);
        int behind = (int) ((resting[at] >> 32) - target);
        long met = moved & (behind >= 0 ? rests << behind : rests >>> -behind);
        if (met != 0) {
          throw notFree(from, to, delta, target + Long.numberOfTrailingZeros(met));
        }
      }
    }
  }

  private static IllegalArgumentException notFree(int from, int to, int delta, long target) {
    return new IllegalArgumentException(
        "shift to a place that is not free: from="
            + from
            + ", to="
            + to
            + ", delta="
            + delta
            + ", target="
            + target
            + "; remove what is there first, or shift less");
  }

  /** Carries out what a policy wants forgotten. */
  void evict(Selection selection) {
    List<List<Selection.Range>> forget = selection.forget();
    for (int layer = 0; layer < Math.min(lanes.length, forget.size()); layer++) {
      int slots = 0;
      int entries = 0;
      for (Lane lane : lanes[layer]) {
        int before = lane.table().size();
        for (Selection.Range range : forget.get(layer)) {
          slots += lane.forget(range.from(), range.to());
        }
        entries += before - lane.table().size();
      }
      if (slots > 0) {
        taint();
        cache.counters().slotsEvicted.add(slots);
        if (cache.hasListeners()) {
          cache.tell(new KvEvent.Evicted(id, layer, slots, entries));
        }
        JfrEvents.evicted(id, layer, slots);
      }
    }
  }

  void offload() {
    tier().out(sealed(0, Integer.MAX_VALUE, true));
  }

  boolean recall() {
    Offload offload = tier();
    boolean all = true;
    for (int to = pagesPerLane(); to > 0 && all; to -= PlacementView.ORDINALS) {
      all = offload.back(sealed(Math.max(0, to - PlacementView.ORDINALS), to, false));
    }
    return all;
  }

  /** Called when the lanes are what a record says. */
  void restored(int newLength) {
    length = newLength;
  }

  void checkpoint(String name, byte[] note) {
    checkNoStep("checkpoint");
    finishStep();
    cache.sessions().keep(name, this, note);
  }

  /** Becomes what was kept under a name; false, and nothing changed, if that cannot be had. */
  boolean rewind(String name) {
    checkNoStep("rewind");
    Optional<SequenceContent> kept = cache.sessions().restore(name);
    if (kept.isEmpty()) {
      return false;
    }
    finishStep();
    SequenceContent other = kept.get();
    for (int layer = 0; layer < lanes.length; layer++) {
      for (Lane lane : lanes[layer]) {
        lane.release();
      }
      lanes[layer] = other.lanes[layer];
    }
    length = other.length;
    // What it follows from is not kept with it.
    chain = null;
    return true;
  }

  private Offload tier() {
    Offload offload = cache.offload();
    if (offload == null) {
      throw new IllegalStateException(
          "the cache has no tier: sequence=" + id + "; name one when the cache is built");
    }
    return offload;
  }

  /** The sealed pages with ordinals in [from, to), in the order of the layers, here or away. */
  LongArrayList sealed(int from, int to, boolean resident) {
    LongArrayList pages = new LongArrayList();
    for (Lane[] ofLayer : lanes) {
      for (Lane lane : ofLayer) {
        lane.pages(from, to, resident, pages);
      }
    }
    return pages;
  }

  void release() {
    publish();
    reservation.giveBack();
    for (Lane[] ofLayer : lanes) {
      for (Lane lane : ofLayer) {
        lane.release();
      }
    }
  }

  // ---- questions ----

  @Override
  public int length() {
    return length;
  }

  int cached(int layer, int kvHead) {
    LayerShape shape = shapeOf(layer);
    if (kvHead < 0 || kvHead >= shape.kvHeads()) {
      throw new IllegalArgumentException(
          "no such KV head: kvHead=" + kvHead + ", kvHeads=" + shape.kvHeads() + "; count from 0");
    }
    Lane[] ofLayer = lanes[layer];
    return ofLayer[kvHead / ofLayer[0].plan().page().heads()].table().live();
  }

  @Override
  public KvShape shape() {
    return cache.shape();
  }

  @Override
  public int cached(int layer) {
    int most = 0;
    for (Lane lane : lanes[layer]) {
      most = Math.max(most, lane.table().live());
    }
    return most;
  }

  @Override
  public boolean isLive(int layer, int position) {
    for (Lane lane : lanes[layer]) {
      for (int i = 0; i < lane.table().size(); i++) {
        if (lane.table().slotsIn(i, position, position + 1) != 0) {
          return true;
        }
      }
    }
    return false;
  }

  @Override
  public long bytes(int layer) {
    long bytes = 0;
    for (Lane lane : lanes[layer]) {
      bytes += lane.granuleCount() * lane.plan().granule().pageBytes();
      int previous = -1;
      for (int i = 0; i < lane.table().size(); i++) {
        if (lane.table().isSealed(i) && lane.table().ordinal(i) != previous) {
          previous = lane.table().ordinal(i);
          bytes += lane.plan().layout(previous).pageBytes();
        }
      }
    }
    return bytes;
  }

  /** Pages of the longest lane. */
  int pagesPerLane() {
    int most = 0;
    for (Lane[] ofLayer : lanes) {
      for (Lane lane : ofLayer) {
        most = Math.max(most, lane.end() / lane.plan().page().pageTokens() + 1);
      }
    }
    return most;
  }

  long usedAt() {
    return usedAt;
  }

  Lane[][] lanes() {
    return lanes;
  }

  Reservation reservation() {
    return reservation;
  }

  private LayerShape shapeOf(int layer) {
    return cache.plan(layer).shape();
  }

  private void checkRange(String what, int from, int to) {
    if (from < 0 || to < from || to > length) {
      throw new IllegalArgumentException(
          what
              + " takes a range of positions: from="
              + from
              + ", to="
              + to
              + ", length="
              + length
              + "; give 0 <= from <= to <= length");
    }
  }

  private void checkNoStep(String what) {
    if (appendedLayers < lanes.length) {
      throw new IllegalStateException(
          what
              + " in the middle of a step: sequence="
              + id
              + ", layersAppended="
              + appendedLayers
              + ", layers="
              + lanes.length
              + "; append the other layers first, or close the sequence");
    }
  }
}
