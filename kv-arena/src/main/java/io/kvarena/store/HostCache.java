package io.kvarena.store;

import io.kvarena.AttentionBatch;
import io.kvarena.ClosedException;
import io.kvarena.Explanation;
import io.kvarena.KvCache;
import io.kvarena.KvEvent;
import io.kvarena.KvSequence;
import io.kvarena.KvShape;
import io.kvarena.KvStats;
import io.kvarena.LayerShape;
import io.kvarena.OpenRequest;
import io.kvarena.attention.AttentionKernel;
import io.kvarena.format.PageLayout;
import io.kvarena.memory.ArenaStats;
import io.kvarena.memory.PageArena;
import io.kvarena.memory.PagePool;
import io.kvarena.policy.Budget;
import io.kvarena.policy.EvictionPolicy;
import io.kvarena.policy.Selection;
import io.kvarena.store.HostSequence.SequenceGate;
import io.kvarena.transform.TransformInstance;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** The cache in host memory. */
final class HostCache implements KvCache {

  private final KvShape shape;
  private final PageArena arena;
  private final List<LayerPlan> plans;
  private final List<PagePool> pools;
  private final List<PagePool> granulePools;
  private final AttentionKernel kernel;
  private final int rollback;
  private final @Nullable EvictionPolicy policy;
  private final Budget budget;
  private final List<KvEvent.Listener> listeners;
  private final LeakDetector leaks;
  private final Workspaces workspaces;
  private final FoldPool folds;
  private final int splitPages;
  private final @Nullable Offload offload;
  private final Placement placement;
  private final byte[] fingerprint;
  private final @Nullable Sessions sessions;
  private final @Nullable PrefixIndex prefixes;
  private final AtomicLong groupNumbers = new AtomicLong();
  private final Counters counters = new Counters();
  private final Map<SequenceContent, SequenceGate> open = new ConcurrentHashMap<>();
  private volatile boolean closed;

  HostCache(
      CacheBuilder builder,
      PageArena arena,
      List<LayerPlan> plans,
      List<PagePool> pools,
      List<PagePool> granulePools,
      AttentionKernel kernel,
      @Nullable Offload offload) {
    this.offload = offload;
    placement = new Placement(this, offload, builder.placement, builder.copying);
    shape = builder.shape;
    this.arena = arena;
    this.plans = plans;
    this.pools = pools;
    this.granulePools = granulePools;
    this.kernel = kernel;
    rollback = builder.rollback;
    policy = builder.policy;
    budget = builder.budget;
    listeners = List.copyOf(builder.listeners);
    leaks = new LeakDetector(builder.leakDetection, this);
    // A kernel that spreads a fold over its device by itself gets all pages in one.
    splitPages =
        kernel.spreads()
            ? Integer.MAX_VALUE
            : Math.max(1, builder.splitTokens / builder.pageTokens);
    workspaces =
        new Workspaces(
            () -> builder.jobs.apply(this),
            kernel::newRowKernel,
            () -> offload == null ? null : new StagedPages(offload));
    folds = new FoldPool(builder.threads, workspaces);
    fingerprint = Fingerprint.of(builder.model, plans);
    prefixes =
        builder.prefixBytes == 0
            ? null
            : new PrefixIndex(
                this,
                builder.prefixBytes,
                builder.prefixBytesPerTenant,
                builder.prefixIdle,
                builder.replacement,
                builder.durable);
    sessions = builder.durable == null ? null : new Sessions(this, builder.durable);
  }

  List<LayerPlan> plans() {
    return plans;
  }

  LayerPlan plan(int layer) {
    if (layer < 0 || layer >= plans.size()) {
      throw new IllegalArgumentException(
          "no such layer: layer=" + layer + ", layers=" + plans.size() + "; count from 0");
    }
    return plans.get(layer);
  }

  List<PagePool> pools() {
    return pools;
  }

  PagePool pool(int number) {
    return pools.get(number);
  }

  int rollback() {
    return rollback;
  }

  FoldPool folds() {
    return folds;
  }

  /** Numbers for {@code count} groups of queries that no others have had. */
  long numberGroups(int count) {
    return groupNumbers.getAndAdd(count);
  }

  /** Pages of a split. */
  int splitPages() {
    return splitPages;
  }

  /** What moves pages to the tier and back; null where there is no tier. */
  @Nullable Offload offload() {
    return offload;
  }

  Placement placement() {
    return placement;
  }

  /** The beginnings that sequences may go on from; null where they are not kept. */
  @Nullable PrefixIndex prefixes() {
    return prefixes;
  }

  /** Whether the pool with this number holds sealed pages. */
  boolean isSealedPool(int number) {
    return !granulePools.contains(pools.get(number));
  }

  /** The sequences kept by name; throws if there is no durable tier. */
  Sessions sessions() {
    Sessions kept = sessions;
    if (kept == null) {
      throw new IllegalStateException(
          "the cache keeps nothing: layers="
              + plans.size()
              + "; name a durable tier when the cache is built");
    }
    return kept;
  }

  /** The open sequences and their gates. */
  Map<SequenceContent, SequenceGate> contents() {
    return open;
  }

  Workspaces workspaces() {
    return workspaces;
  }

  Counters counters() {
    return counters;
  }

  boolean hasListeners() {
    return !listeners.isEmpty();
  }

  void tell(KvEvent event) {
    for (KvEvent.Listener listener : listeners) {
      listener.on(event);
    }
  }

  long nextId() {
    return counters.sequences.incrementAndGet();
  }

  // ---- sequences ----

  @Override
  public KvSequence open(OpenRequest request) {
    checkOpen();
    SequenceContent content = new SequenceContent(this, nextId(), request.expectedTokens());
    if (prefixes == null) {
      return adopt(content);
    }
    boolean begun = false;
    try {
      content.begin(request, prefixes);
      begun = true;
    } finally {
      if (!begun) {
        content.release();
      }
    }
    return adopt(content);
  }

  /** Gives a new content its handle and enters it in the books. */
  HostSequence adopt(SequenceContent content) {
    SequenceGate gate = new SequenceGate();
    HostSequence handle = new HostSequence(this, gate, content);
    open.put(content, gate);
    handle.watch(leaks.watch(handle, content));
    if (closed) {
      handle.close();
      checkOpen();
    }
    return handle;
  }

  /**
   * Frees a content and strikes it off the books, called by the one who closed its gate and is
   * still inside: who closes the cache waits at the gate for whatever is on the books.
   */
  void forget(SequenceContent content) {
    content.release();
    open.remove(content);
    placement.changed();
  }

  /** Closes the gate of a content whose handle is lost; false if it was closed before. */
  boolean forgetLost(SequenceContent content) {
    SequenceGate gate = open.get(content);
    if (gate == null) {
      return false;
    }
    boolean first = gate.waitToClose();
    try {
      if (first) {
        forget(content);
      }
    } finally {
      gate.leave();
    }
    return first;
  }

  /** Lets the policy forget before a step of {@code tokens} tokens. */
  void evict(SequenceContent content, int tokens) {
    if (policy == null) {
      return;
    }
    Selection selection = policy.select(content, tokens, budget);
    if (!selection.isEmpty()) {
      content.evict(selection);
    }
  }

  // ---- attention ----

  @Override
  public void attend(int layer, AttentionBatch batch) {
    checkOpen();
    LayerShape layerShape = plan(layer).shape();
    int tokens = 0;
    for (int count : batch.queryTokens()) {
      tokens += count;
    }
    Rows.checkSize(
        "queries", batch.queries(), layer, tokens, layerShape.queryHeads(), layerShape.keyDim());
    Rows.checkSize(
        "out", batch.out(), layer, tokens, layerShape.queryHeads(), layerShape.valueDim());
    Rows.checkWritable(batch.out(), layer);
    Workspace workspace = workspaces.borrow();
    FoldJob job = workspace.job();
    try {
      job.start(plan(layer), batch.queries(), batch.out());
      int token = 0;
      for (int i = 0; i < batch.sequences().size(); i++) {
        HostSequence sequence = own(batch.sequences().get(i));
        sequence.enter();
        workspace.entered.add(sequence);
        int count = batch.queryTokens()[i];
        sequence.content().checkAttend(layer, count);
        sequence.content().addTo(job, layer, count, token);
        sequence.content().ahead(layer);
        token += count;
      }
      job.run(folds, workspace);
      for (int i = 0; i < workspace.entered.size(); i++) {
        workspace.entered.get(i).content().attended(layer);
      }
    } finally {
      for (int i = 0; i < workspace.entered.size(); i++) {
        workspace.entered.get(i).leave();
      }
      workspace.entered.clear();
      job.clear();
      workspaces.giveBack(workspace);
    }
  }

  private HostSequence own(KvSequence sequence) {
    if (sequence instanceof HostSequence own && own.cache() == this) {
      return own;
    }
    throw new IllegalArgumentException(
        "a sequence of another cache: sequence="
            + sequence.id()
            + "; batch only sequences that this cache has opened");
  }

  // ---- what is kept ----

  @Override
  public SortedSet<String> sessionNames() {
    checkOpen();
    return sessions == null ? new TreeSet<>() : sessions.names();
  }

  @Override
  public Optional<KvSequence> restore(String session) {
    checkOpen();
    return sessions().restore(session).map(this::adopt);
  }

  @Override
  public Optional<byte[]> note(String session) {
    checkOpen();
    return sessions().note(session);
  }

  @Override
  public boolean exportSession(String session, Path file) throws IOException {
    checkOpen();
    return sessions().export(session, file);
  }

  @Override
  public void importSession(String session, Path file) throws IOException {
    checkOpen();
    sessions().take(session, file);
  }

  @Override
  public void drop(String session) {
    checkOpen();
    sessions().drop(session);
  }

  @Override
  public Explanation explain(OpenRequest request) {
    checkOpen();
    return prefixIndex().explain(request);
  }

  @Override
  public void checkpoint() {
    checkOpen();
    prefixIndex().checkpoint();
  }

  @Override
  public int pin(OpenRequest request) {
    checkOpen();
    return prefixIndex().pin(request, 1);
  }

  @Override
  public int unpin(OpenRequest request) {
    checkOpen();
    return prefixIndex().pin(request, -1);
  }

  private PrefixIndex prefixIndex() {
    PrefixIndex index = prefixes;
    if (index == null) {
      throw new IllegalStateException(
          "the cache keeps no prefixes: layers="
              + plans.size()
              + "; give them bytes when the cache is built");
    }
    return index;
  }

  @Override
  public byte[] fingerprint() {
    return fingerprint.clone();
  }

  // ---- questions ----

  @Override
  public KvShape shape() {
    return shape;
  }

  @Override
  public PageLayout layout(int layer) {
    return plan(layer).page();
  }

  @Override
  public AttentionKernel kernel() {
    return kernel;
  }

  @Override
  public PageArena arena() {
    return arena;
  }

  @Override
  public KvStats stats() {
    checkOpen();
    long sealedPages = 0;
    long sealedBytes = 0;
    long tailBytes = 0;
    for (PagePool pool : pools) {
      long used = pool.used();
      if (granulePools.contains(pool)) {
        tailBytes += used * pool.pageBytes();
      } else {
        sealedPages += used;
        sealedBytes += used * pool.pageBytes();
      }
    }
    long tableBytes = 0;
    Set<TransformInstance> instances = Collections.newSetFromMap(new IdentityHashMap<>());
    for (LayerPlan plan : plans) {
      instances.addAll(Arrays.asList(plan.transforms().keyInstances()));
      TransformInstance values = plan.transforms().values();
      if (values != null) {
        instances.add(values);
      }
    }
    for (SequenceContent content : open.keySet()) {
      for (Lane[] ofLayer : content.lanes()) {
        for (Lane lane : ofLayer) {
          tableBytes += lane.table().bytes();
          instances.addAll(Arrays.asList(lane.keyInstances()));
        }
      }
    }
    ArenaStats ofArena = arena.stats();
    return new KvStats(
        kernel.name(),
        open.size(),
        sealedPages,
        sealedBytes,
        tailBytes,
        tableBytes,
        instances.stream().mapToLong(TransformInstance::bytes).sum(),
        workspaces.bytes(),
        counters.tokensAppended.sum(),
        counters.pagesSealed.sum(),
        counters.sealedBytesRead.get(),
        counters.tailBytesRead.get(),
        counters.forks.sum(),
        counters.slotsEvicted.sum(),
        prefixes == null ? 0 : prefixes.size(),
        prefixes == null ? 0 : prefixes.bytes(),
        prefixes == null ? 0 : prefixes.tokensAsked(),
        prefixes == null ? 0 : prefixes.tokensHit(),
        prefixes == null ? 0 : prefixes.tokensHitInTier(),
        ofArena.pagesAway(),
        ofArena.awayBytes(),
        offload == null ? 0 : offload.pagesStored(),
        offload == null ? 0 : offload.pagesRestored(),
        offload == null ? 0 : offload.bytesLoaded(),
        counters.leaks.sum(),
        ofArena);
  }

  @Override
  public List<String> audit() {
    checkOpen();
    List<String> wrong = new ArrayList<>();
    placement.whileStill(
        () ->
            wrong.addAll(
                Audit.of(
                    arena, pools, open.keySet(), prefixes == null ? List.of() : prefixes.held())));
    return wrong;
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    placement.close();
    open.keySet().forEach(this::forgetLost);
    folds.close();
    if (prefixes != null) {
      prefixes.close();
    }
    if (offload != null) {
      offload.close();
    }
    arena.close();
  }

  private void checkOpen() {
    if (closed) {
      throw new ClosedException("cache is closed: layers=" + plans.size() + "; build a new one");
    }
  }
}
