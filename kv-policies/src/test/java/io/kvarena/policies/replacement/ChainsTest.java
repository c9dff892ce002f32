package io.kvarena.policies.replacement;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kvarena.fixtures.Seeds;
import io.kvarena.policy.ReplacementPolicy;
import io.kvarena.tier.PageKey;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Policies that know of chains, and the clairvoyant ones, against slow searches. */
class ChainsTest {

  /** Requests for paths from the root of a random tree of pages. */
  private record Requests(int[] parents, List<int[]> paths) {

    static Requests random(long seed, int pages, int count) {
      RandomGenerator random = Seeds.generator(seed);
      int[] parents = new int[pages];
      for (int i = 0; i < pages; i++) {
        parents[i] = i == 0 ? -1 : random.nextInt(4) == 0 ? -1 : random.nextInt(i);
      }
      List<int[]> paths = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        List<Integer> path = new ArrayList<>();
        for (int page = random.nextInt(pages); page >= 0; page = parents[page]) {
          path.addFirst(page);
        }
        paths.add(path.stream().mapToInt(Integer::intValue).toArray());
      }
      return new Requests(parents, paths);
    }

    @Nullable PageKey parent(int page) {
      return parents[page] < 0 ? null : Uses.page(parents[page]);
    }

    Future future() {
      List<PageKey> uses = new ArrayList<>();
      paths.forEach(path -> uses.addAll(Uses.pages(path)));
      return Future.of(uses);
    }
  }

  /** Prefix hits and, in {@code contents}, what is there after each request. */
  private static int prefixHits(
      ReplacementPolicy policy,
      @Nullable Future future,
      Requests requests,
      int capacity,
      List<BitSet> contents) {
    BitSet there = new BitSet();
    policy.capacity(capacity);
    int hits = 0;
    for (int[] path : requests.paths()) {
      hits += prefix(path, there);
      for (int page : path) {
        if (future != null) {
          future.used(Uses.page(page));
        }
        if (there.get(page)) {
          policy.touch(Uses.page(page));
          continue;
        }
        boolean comes = true;
        if (there.cardinality() == capacity) {
          PageKey victim = policy.victimFor(Uses.page(page), requests.parent(page));
          comes = victim.low() != page;
          there.clear((int) victim.low());
        }
        if (comes) {
          policy.admit(Uses.page(page), requests.parent(page), 1, 1);
          there.set(page);
        }
      }
      contents.add((BitSet) there.clone());
    }
    return hits;
  }

  private static int prefix(int[] path, BitSet there) {
    int length = 0;
    while (length < path.length && there.get(path[length])) {
      length++;
    }
    return length;
  }

  /** The most recent pages of a list in which each request's pages stand last page first. */
  @Test
  void tailFirstLru_afterEachRequest_hasTheMostRecentPages() {
    for (int i = 0; i < 100; i++) {
      Requests requests = Requests.random(i, 20, 60);
      for (int capacity : new int[] {1, 2, 5, 9}) {
        List<BitSet> contents = new ArrayList<>();
        prefixHits(new TailFirstLru(), null, requests, capacity, contents);
        List<Integer> recent = new ArrayList<>();
        for (int j = 0; j < requests.paths().size(); j++) {
          int[] path = requests.paths().get(j);
          for (int k = path.length - 1; k >= 0; k--) {
            recent.remove((Integer) path[k]);
            recent.addFirst(path[k]);
          }
          BitSet expected = new BitSet();
          recent.stream().limit(capacity).forEach(expected::set);
          assertEquals(expected, contents.get(j), "requests=" + i + ", capacity=" + capacity);
        }
      }
    }
  }

  /** Nothing is there without the page before it. */
  @Test
  void policiesThatKnowChains_keepNoOrphans() {
    for (int i = 0; i < 100; i++) {
      Requests requests = Requests.random(i, 20, 60);
      Future future = requests.future();
      for (int capacity : new int[] {1, 2, 5, 9}) {
        List<BitSet> contents = new ArrayList<>();
        prefixHits(new TailFirstLru(), null, requests, capacity, contents);
        Future again = future.again();
        prefixHits(Clairvoyant.prefixAware(again), again, requests, capacity, contents);
        for (BitSet there : contents) {
          there.stream()
              .filter(page -> requests.parents()[page] >= 0)
              .forEach(page -> assertTrue(there.get(requests.parents()[page])));
        }
      }
    }
  }

  /** No choice of victims, nor of newcomers to do without, has more prefix hits. */
  @Test
  void clairvoyantOfChains_onRandomRequests_isTheBestThereIs() {
    for (int i = 0; i < 150; i++) {
      Requests requests = Requests.random(i, 7, 9);
      for (int capacity : new int[] {1, 2, 3, 4}) {
        Future future = requests.future();
        int hits =
            prefixHits(
                Clairvoyant.prefixAware(future), future, requests, capacity, new ArrayList<>());
        int best = best(requests, 0, 0, 0, capacity, new HashMap<>());
        assertEquals(best, hits, "requests=" + i + ", capacity=" + capacity);
      }
    }
  }

  /** The most prefix hits from a use on, tried out: every victim, and doing without. */
  private static int best(
      Requests requests, int request, int at, int there, int capacity, Map<Long, Integer> known) {
    if (request == requests.paths().size()) {
      return 0;
    }
    long key = (((long) request << 8 | at) << 32) | there;
    Integer found = known.get(key);
    if (found != null) {
      return found;
    }
    int[] path = requests.paths().get(request);
    int hits = at == 0 ? prefix(path, BitSet.valueOf(new long[] {there})) : 0;
    int nextAt = at + 1 == path.length ? 0 : at + 1;
    int next = nextAt == 0 ? request + 1 : request;
    int page = 1 << path[at];
    int most = best(requests, next, nextAt, there, capacity, known);
    if ((there & page) == 0) {
      if (Integer.bitCount(there) < capacity) {
        most = Math.max(most, best(requests, next, nextAt, there | page, capacity, known));
      } else {
        for (int victim = 1; victim <= there; victim <<= 1) {
          if ((there & victim) != 0) {
            int then = (there & ~victim) | page;
            most = Math.max(most, best(requests, next, nextAt, then, capacity, known));
          }
        }
      }
    }
    known.put(key, hits + most);
    return hits + most;
  }

  /** No choice of victims has more hits. */
  @Test
  void clairvoyant_onRandomUses_isTheBestThereIs() {
    for (int i = 0; i < 200; i++) {
      int[] uses = Uses.random(i, 14, 5);
      for (int capacity : new int[] {1, 2, 3}) {
        Future future = Future.of(Uses.pages(uses));
        BitSet hits = Uses.hits(new Clairvoyant(future), future, uses, capacity, 1);
        assertEquals(
            bestHits(uses, 0, 0, capacity), hits.cardinality(), i + ", capacity=" + capacity);
      }
    }
  }

  private static int bestHits(int[] uses, int at, int there, int capacity) {
    if (at == uses.length) {
      return 0;
    }
    int page = 1 << uses[at];
    if ((there & page) != 0) {
      return 1 + bestHits(uses, at + 1, there, capacity);
    }
    if (Integer.bitCount(there) < capacity) {
      return bestHits(uses, at + 1, there | page, capacity);
    }
    int most = 0;
    for (int victim = 1; victim <= there; victim <<= 1) {
      if ((there & victim) != 0) {
        most = Math.max(most, bestHits(uses, at + 1, (there & ~victim) | page, capacity));
      }
    }
    return most;
  }

  /** A chain whose first page was taken away is worth nothing. */
  @Test
  void clairvoyantOfChains_whenAParentWasRemoved_givesUpWhatStoodBehindIt() {
    PageKey root = Uses.page(0);
    PageKey middle = Uses.page(1);
    PageKey leaf = Uses.page(2);
    PageKey other = Uses.page(3);
    Future future = Future.of(List.of(root, middle, leaf, other));
    Clairvoyant policy = Clairvoyant.prefixAware(future);
    policy.admit(root, null, 1, 1);
    policy.admit(middle, root, 1, 1);
    policy.admit(leaf, middle, 1, 1);
    policy.admit(other, null, 1, 1);
    policy.remove(root);
    assertEquals(leaf, policy.victim());
    assertEquals(middle, policy.victim());
    assertEquals(other, policy.victim());
  }

  /** What W-TinyLFU is for: a scan does not wash out what is used often. */
  @Test
  void wTinyLfu_underAScan_keepsWhatIsUsedOften() {
    int[] uses = new int[4000];
    for (int i = 0; i < uses.length; i++) {
      uses[i] = i % 2 == 0 ? i / 2 % 20 : 1000 + i;
    }
    BitSet hits = Uses.hits(new WTinyLfu(), null, uses, 30, 1);
    BitSet lru = Uses.hits(new Lru(), null, uses, 30, 1);
    assertEquals(0, lru.cardinality());
    assertTrue(hits.get(2000, 4000).cardinality() > 900, "" + hits.cardinality());
  }

  /** A count-min sketch never says less than was counted. */
  @Test
  void sketch_ofAnyUses_neverSaysLessThanWasCounted() {
    FrequencySketch sketch = new FrequencySketch();
    sketch.reserve(64);
    int[] counts = new int[100];
    RandomGenerator random = Seeds.generator(5);
    for (int i = 0; i < 600; i++) { // 640 uses halve
      int page = (int) (100 * Math.pow(random.nextDouble(), 3));
      counts[page]++;
      sketch.count(Uses.page(page));
    }
    for (int page = 0; page < 100; page++) {
      assertTrue(sketch.frequency(Uses.page(page)) >= Math.min(counts[page], 15));
    }
    int before = sketch.frequency(Uses.page(0));
    for (int i = 0; i < 40; i++) {
      sketch.count(Uses.page(1000 + i));
    }
    assertTrue(sketch.frequency(Uses.page(0)) <= (before + 4) / 2, "nothing was halved");
    assertFalse(sketch.frequency(Uses.page(0)) == 0);
  }
}
