package io.kvarena.store;

import io.kvarena.KvEvent;
import io.kvarena.OutOfPagesException;
import io.kvarena.memory.PageArena;
import io.kvarena.memory.PageId;
import io.kvarena.store.Placement.Shortage;
import io.kvarena.tier.CorruptPageException;
import io.kvarena.tier.DurableTier;
import io.kvarena.tier.PageKey;
import io.kvarena.tier.PageTransfer;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import org.agrona.collections.Long2ObjectHashMap;

/**
 * The sequences that are kept in a durable tier by name. A record names the pages, which are stored
 * once however many records name them: going on and keeping a sequence again stores what is new.
 *
 * <p>Order makes it safe: pages first, then the record that names them, then {@code sync}; pages
 * that no record names any more are freed last, and those that a crash left over when the cache is
 * built.
 */
final class Sessions {

  /** Records of sessions have names that begin with it. */
  private static final String PREFIX = "session/";

  /** Kept with a session's page before the fingerprint. */
  private static final byte KIND = 'S';

  /** Pages that go to the tier or come from it at a time, a lane's more or less. */
  private static final int BATCH_PAGES = 256;

  private static final int ALIGNMENT = 4096;

  private final HostCache cache;
  private final DurableTier tier;
  private final byte[] about;
  private final SecureRandom random = new SecureRandom();

  /** How many records name a page. */
  private final Map<PageKey, Integer> uses = new HashMap<>();

  /** The stored pages among those in the arena, by packed name; tails change and have none. */
  private final Long2ObjectHashMap<SessionRecord.Page> stored = new Long2ObjectHashMap<>();

  Sessions(HostCache cache, DurableTier tier) {
    this.cache = cache;
    this.tier = tier;
    about = new byte[1 + Fingerprint.BYTES];
    about[0] = KIND;
    System.arraycopy(cache.fingerprint(), 0, about, 1, Fingerprint.BYTES);
    for (String name : names()) {
      read(name).ifPresent(record -> use(record, 1));
    }
    List<PageKey> left = new ArrayList<>();
    tier.pages(
        (key, of, bytes, crc32c) -> {
          if (of.length > 0 && of[0] == KIND && !uses.containsKey(key)) {
            left.add(key);
          }
        });
    tier.free(left);
  }

  /** Throws unless a name may be a file's, whatever the tier does with it. */
  private static void check(String name) {
    if (!name.matches("[A-Za-z0-9._-]{1,100}")) {
      throw new IllegalArgumentException(
          "not a session's name: session="
              + name
              + "; use 1 to 100 letters, digits, dots, dashes and underscores");
    }
  }

  /** Names of the sessions. */
  SortedSet<String> names() {
    SortedSet<String> names = new TreeSet<>();
    for (String record : tier.records()) {
      if (record.startsWith(PREFIX)) {
        names.add(record.substring(PREFIX.length()));
      }
    }
    return names;
  }

  /** The record of a session; one that cannot be read is as good as none. */
  private Optional<SessionRecord> read(String name) {
    Optional<byte[]> bytes = tier.record(PREFIX + name);
    if (bytes.isEmpty()) {
      return Optional.empty();
    }
    try {
      return Optional.of(SessionRecord.decode(bytes.get()));
    } catch (IOException bad) {
      return Optional.empty();
    }
  }

  /** Counts a record's pages, those that go with the last record freed. */
  private void use(SessionRecord record, int change) {
    List<PageKey> unused = new ArrayList<>();
    Set<PageKey> once = new HashSet<>();
    for (SessionRecord.Page page : record.pages()) {
      if (once.add(page.key()) && uses.merge(page.key(), change, Integer::sum) <= 0) {
        uses.remove(page.key());
        unused.add(page.key());
      }
    }
    if (!unused.isEmpty()) {
      tier.free(unused);
    }
  }

  // ---- keeping ----

  /** What a session keeps with it. */
  synchronized Optional<byte[]> note(String name) {
    return read(name).filter(record -> record.isOf(cache.fingerprint())).map(SessionRecord::note);
  }

  /** Keeps a sequence, in place of what had the name. The old stays if anything fails. */
  synchronized void keep(String name, SequenceContent content, byte[] note) {
    check(name);
    Optional<SessionRecord> before = read(name);
    stored.keySet().removeIf(page -> cache.arena().references(page) == 0);
    List<SessionRecord.Page> pages = new ArrayList<>();
    List<PageKey> fresh = new ArrayList<>();
    boolean kept = false;
    try {
      List<LaneRecord> lanes = new ArrayList<>();
      for (Lane[] ofLayer : content.lanes()) {
        for (Lane lane : ofLayer) {
          lanes.add(lane(lane, pages, fresh));
        }
      }
      SessionRecord record =
          new SessionRecord(cache.fingerprint(), content.length(), note, pages, lanes);
      tier.put(PREFIX + name, record.encode());
      use(record, 1);
      kept = true;
      tier.sync();
      before.ifPresent(old -> use(old, -1));
    } finally {
      if (!kept) {
        tier.free(fresh);
      }
    }
  }

  private LaneRecord lane(Lane lane, List<SessionRecord.Page> pages, List<PageKey> fresh) {
    Long2ObjectHashMap<Integer> numbers = new Long2ObjectHashMap<>();
    List<Long> unstored = new ArrayList<>();
    LaneRecord record =
        lane.record(
            (page, pool) -> {
              if (page == PageId.NONE) {
                return -1;
              }
              Integer number = numbers.get(page);
              if (number == null) {
                number = pages.size();
                numbers.put(page, number);
                SessionRecord.Page known = stored.get(page);
                boolean there = known != null && tier.contains(known.key());
                pages.add(there ? known : new SessionRecord.Page(newKey(), pool, 0, 0));
                if (!there) {
                  unstored.add(page);
                }
              }
              return number;
            });
    for (int from = 0; from < unstored.size(); from += BATCH_PAGES) {
      int to = Math.min(unstored.size(), from + BATCH_PAGES);
      store(unstored.subList(from, to), numbers, pages, fresh);
    }
    return record;
  }

  private PageKey newKey() {
    return new PageKey(random.nextLong(), random.nextLong());
  }

  private void store(
      List<Long> some,
      Long2ObjectHashMap<Integer> numbers,
      List<SessionRecord.Page> pages,
      List<PageKey> fresh) {
    List<PageTransfer> batch = new ArrayList<>();
    try (PageReader reader = new PageReader(cache)) {
      for (long page : some) {
        SessionRecord.Page as = pages.get(numbers.get(page));
        batch.add(PageTransfer.of(as.key(), about, reader.bytes(page)));
      }
      tier.store(batch);
    }
    for (int i = 0; i < batch.size(); i++) {
      long page = some.get(i);
      int number = numbers.get(page);
      PageTransfer of = batch.get(i);
      SessionRecord.Page as =
          new SessionRecord.Page(
              of.key(), pages.get(number).pool(), of.bytes().byteSize(), of.crc32c());
      pages.set(number, as);
      fresh.add(of.key());
      if (cache.isSealedPool(as.pool())) {
        stored.put(page, as);
      }
    }
  }

  private void checkOwn(String name, SessionRecord record) {
    if (!record.isOf(cache.fingerprint())) {
      throw new IllegalStateException(
          "a session of another model or of other formats: session="
              + name
              + ", length="
              + record.length()
              + "; build the cache as it was when the session was kept, or drop the session");
    }
  }

  // ---- elsewhere ----

  /** Writes a session to a file; false if there is none. */
  synchronized boolean export(String name, Path file) throws IOException {
    Optional<SessionRecord> record = read(name);
    if (record.isEmpty()) {
      return false;
    }
    try (Arena scratch = Arena.ofShared()) {
      SessionFile.write(
          file,
          record.get(),
          (page, bytes) ->
              tier.load(List.of(new PageTransfer(page.key(), about, bytes, page.crc32c()))),
          scratch.allocate(largest(record.get()), ALIGNMENT));
    }
    return true;
  }

  private static long largest(SessionRecord record) {
    return record.pages().stream().mapToLong(SessionRecord.Page::bytes).max().orElse(1);
  }

  /** Takes a session in from a file, in place of what has the name. */
  synchronized void take(String name, Path file) throws IOException {
    check(name);
    SessionRecord record = SessionFile.check(file);
    checkOwn(name, record);
    Optional<SessionRecord> before = read(name);
    List<PageKey> fresh = new ArrayList<>();
    boolean kept = false;
    try (Arena scratch = Arena.ofShared()) {
      SessionFile.read(
          file,
          (page, bytes) -> {
            if (!tier.contains(page.key())) {
              fresh.add(page.key());
              tier.store(List.of(new PageTransfer(page.key(), about, bytes, page.crc32c())));
            }
          },
          scratch.allocate(largest(record), ALIGNMENT));
      tier.put(PREFIX + name, record.encode());
      use(record, 1);
      kept = true;
    } finally {
      if (!kept) {
        tier.free(fresh);
      }
    }
    tier.sync();
    before.ifPresent(old -> use(old, -1));
  }

  // ---- giving back ----

  /** Drops a session; a name that is not there is passed over. */
  synchronized void drop(String name) {
    Optional<SessionRecord> before = read(name);
    tier.remove(PREFIX + name);
    tier.sync();
    before.ifPresent(old -> use(old, -1));
  }

  /** A sequence as it was kept; empty if there is none or it cannot be had any more. */
  synchronized Optional<SequenceContent> restore(String name) {
    Optional<SessionRecord> found = read(name);
    if (found.isEmpty()) {
      return Optional.empty();
    }
    SessionRecord record = found.get();
    checkOwn(name, record);
    SequenceContent content = new SequenceContent(cache, cache.nextId(), record.length());
    Map<Integer, Long> pages = new HashMap<>();
    boolean complete = false;
    try {
      List<Lane> lanes = new ArrayList<>();
      for (Lane[] ofLayer : content.lanes()) {
        lanes.addAll(List.of(ofLayer));
      }
      // As many lanes at a time as it takes to keep the tier busy; what is restored may have to be
      // offloaded for what follows.
      for (int from = 0; from < lanes.size(); ) {
        int to = from;
        int count = 0;
        while (to < lanes.size() && (count == 0 || count < BATCH_PAGES)) {
          count += record.lanes().get(to++).numbers().size();
        }
        load(record.lanes().subList(from, to), record, pages, content);
        for (; from < to; from++) {
          restore(lanes.get(from), record.lanes().get(from), record, pages);
        }
      }
      content.restored(record.length());
      complete = true;
      return Optional.of(content);
    } catch (CorruptPageException | IndexOutOfBoundsException lost) {
      // Never wrong, may forget: what cannot be had whole is as if it had never been.
      drop(name);
      cache.tell(new KvEvent.Lost(name, String.valueOf(lost.getMessage())));
      return Optional.empty();
    } finally {
      if (!complete) {
        pages.values().forEach(cache.arena()::release);
        content.release();
      }
    }
  }

  /** Loads the pages and granules of some lanes; {@code pages} gets them by their number. */
  private void load(
      List<LaneRecord> lanes,
      SessionRecord record,
      Map<Integer, Long> pages,
      SequenceContent content) {
    PageArena arena = cache.arena();
    List<PageTransfer> batch = new ArrayList<>();
    for (LaneRecord lane : lanes) {
      for (int number : lane.numbers()) {
        SessionRecord.Page page = record.pages().get(number);
        long id = acquire(page.pool(), content);
        pages.put(number, id);
        MemorySegment bytes = arena.slab(id).asSlice(arena.offset(id), page.bytes());
        batch.add(new PageTransfer(page.key(), about, bytes, page.crc32c()));
      }
    }
    tier.load(batch);
  }

  /** Makes a lane what its record says, with pages that become its own. */
  private void restore(Lane lane, LaneRecord from, SessionRecord record, Map<Integer, Long> pages) {
    lane.restore(from, number -> Objects.requireNonNull(pages.get(number)));
    for (int number : from.numbers()) {
      long id = Objects.requireNonNull(pages.remove(number));
      SessionRecord.Page page = record.pages().get(number);
      if (cache.isSealedPool(page.pool())) {
        stored.put(id, page);
      }
    }
  }

  private long acquire(int pool, SequenceContent content) {
    for (int tries = 0; ; tries++) {
      long moves = cache.placement().moves();
      long page = cache.pool(pool).acquire();
      if (page != PageId.NONE) {
        return page;
      }
      OutOfPagesException out =
          new OutOfPagesException(
              "no free page to restore a session into: pageBytes="
                  + cache.pool(pool).pageBytes()
                  + "; evict, close sequences or enlarge the arena");
      long bytes = cache.pool(pool).pageBytes();
      if (!cache.placement().makeRoom(content, new Shortage(bytes, moves, tries), out)) {
        throw out;
      }
    }
  }
}
