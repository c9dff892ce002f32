package io.kvarena.policies.replacement;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The papers' pseudocode once more, over plain lists of page numbers and with the capacity known
 * from the start: what the policies are compared with. Lists have their newest page last.
 */
abstract class SlowPolicy {

  final int c;

  SlowPolicy(int c) {
    this.c = c;
  }

  abstract boolean has(int x);

  abstract void use(int x);

  BitSet hits(int[] uses) {
    BitSet hits = new BitSet();
    for (int i = 0; i < uses.length; i++) {
      hits.set(i, has(uses[i]));
      use(uses[i]);
    }
    return hits;
  }

  private static boolean drop(List<Integer> list, int x) {
    return list.remove((Integer) x);
  }

  static final class Lru extends SlowPolicy {
    private final List<Integer> list = new ArrayList<>();

    Lru(int c) {
      super(c);
    }

    @Override
    boolean has(int x) {
      return list.contains(x);
    }

    @Override
    void use(int x) {
      if (!drop(list, x) && list.size() == c) {
        list.removeFirst();
      }
      list.add(x);
    }
  }

  /** Also GDSF where {@code greedy}: a rank of clock + uses · cost, else of uses. */
  static final class Ranked extends SlowPolicy {
    private final boolean greedy;
    private final Map<Integer, double[]> entries = new HashMap<>(); // uses, rank, last use
    private double clock;
    private long time;

    Ranked(int c, boolean greedy) {
      super(c);
      this.greedy = greedy;
    }

    @Override
    boolean has(int x) {
      return entries.containsKey(x);
    }

    @Override
    void use(int x) {
      if (!has(x) && entries.size() == c) {
        int victim = -1;
        double[] least = {0, Double.MAX_VALUE, 0};
        for (Map.Entry<Integer, double[]> entry : entries.entrySet()) {
          double[] of = entry.getValue();
          if (of[1] < least[1] || (of[1] == least[1] && of[2] < least[2])) {
            least = of;
            victim = entry.getKey();
          }
        }
        clock = greedy ? least[1] : 0;
        entries.remove(victim);
      }
      double[] entry = entries.computeIfAbsent(x, page -> new double[3]);
      entry[0]++;
      entry[1] = greedy ? clock + entry[0] * Uses.cost(x) : entry[0];
      entry[2] = time++;
    }
  }

  static final class Sieve extends SlowPolicy {
    private final List<Integer> t = new ArrayList<>();
    private final BitSet visited = new BitSet();
    private Integer hand;

    Sieve(int c) {
      super(c);
    }

    @Override
    boolean has(int x) {
      return t.contains(x);
    }

    @Override
    void use(int x) {
      if (has(x)) {
        visited.set(x);
        return;
      }
      if (t.size() == c) {
        int o = hand == null ? 0 : t.indexOf(hand);
        while (visited.get(t.get(o))) {
          visited.clear(t.get(o));
          o = o + 1 == t.size() ? 0 : o + 1;
        }
        hand = o + 1 == t.size() ? null : t.get(o + 1);
        t.remove(o);
      }
      t.add(x);
      visited.clear(x);
    }
  }

  static final class S3Fifo extends SlowPolicy {
    private final List<Integer> s = new ArrayList<>();
    private final List<Integer> m = new ArrayList<>();
    private final List<Integer> g = new ArrayList<>();
    private final Map<Integer, Integer> freq = new HashMap<>();

    S3Fifo(int c) {
      super(c);
    }

    @Override
    boolean has(int x) {
      return s.contains(x) || m.contains(x);
    }

    private boolean full() {
      return s.size() + m.size() == c;
    }

    @Override
    void use(int x) {
      if (has(x)) {
        freq.merge(x, 1, (old, one) -> Math.min(old + one, 3));
        return;
      }
      while (full()) {
        if (s.size() >= 0.1 * c) {
          evictS();
        } else {
          evictM();
        }
      }
      if (drop(g, x)) {
        m.add(x);
      } else {
        s.add(x);
      }
      freq.put(x, 0);
    }

    private void evictS() {
      while (full() && !s.isEmpty()) {
        int t = s.removeFirst();
        if (freq.get(t) > 1) {
          m.add(t);
          freq.put(t, 0);
          if (m.size() > 0.9 * c) {
            evictM();
          }
        } else {
          g.add(t);
          while (g.size() > 0.9 * c) {
            g.removeFirst();
          }
        }
      }
    }

    private void evictM() {
      while (true) {
        int t = m.removeFirst();
        if (freq.get(t) == 0) {
          return;
        }
        m.add(t);
        freq.merge(t, -1, Integer::sum);
      }
    }
  }

  static final class Slru extends SlowPolicy {
    private final List<Integer> probation = new ArrayList<>();
    private final List<Integer> safe = new ArrayList<>();

    Slru(int c) {
      super(c);
    }

    @Override
    boolean has(int x) {
      return probation.contains(x) || safe.contains(x);
    }

    @Override
    void use(int x) {
      if (drop(safe, x) || drop(probation, x)) {
        safe.add(x);
        while (safe.size() > 0.8 * c) {
          probation.add(safe.removeFirst());
        }
        return;
      }
      if (probation.size() + safe.size() == c) {
        (probation.isEmpty() ? safe : probation).removeFirst();
      }
      probation.add(x);
    }
  }

  static final class Arc extends SlowPolicy {
    private final List<Integer> t1 = new ArrayList<>();
    private final List<Integer> t2 = new ArrayList<>();
    private final List<Integer> b1 = new ArrayList<>();
    private final List<Integer> b2 = new ArrayList<>();
    private double p;

    Arc(int c) {
      super(c);
    }

    @Override
    boolean has(int x) {
      return t1.contains(x) || t2.contains(x);
    }

    @Override
    void use(int x) {
      if (drop(t1, x) || drop(t2, x)) {
        t2.add(x);
      } else if (b1.contains(x)) {
        p = Math.min(p + Math.max(1, (double) b2.size() / b1.size()), c);
        replace(false);
        drop(b1, x);
        t2.add(x);
      } else if (b2.contains(x)) {
        p = Math.max(p - Math.max(1, (double) b1.size() / b2.size()), 0);
        replace(true);
        drop(b2, x);
        t2.add(x);
      } else {
        int l1 = t1.size() + b1.size();
        int all = l1 + t2.size() + b2.size();
        if (l1 == c) {
          if (t1.size() < c) {
            b1.removeFirst();
            replace(false);
          } else {
            t1.removeFirst();
          }
        } else if (all >= c) {
          if (all == 2 * c) {
            b2.removeFirst();
          }
          replace(false);
        }
        t1.add(x);
      }
    }

    private void replace(boolean inB2) {
      if (!t1.isEmpty() && (t1.size() > p || (inB2 && t1.size() == p))) {
        b1.add(t1.removeFirst());
      } else {
        b2.add(t2.removeFirst());
      }
    }
  }

  /** With the sketch itself, which has a test of its own. */
  static final class WTinyLfu extends SlowPolicy {
    private final List<Integer> window = new ArrayList<>();
    private final List<Integer> probation = new ArrayList<>();
    private final List<Integer> safe = new ArrayList<>();
    private final FrequencySketch sketch = new FrequencySketch();

    WTinyLfu(int c) {
      super(c);
    }

    @Override
    boolean has(int x) {
      return window.contains(x) || probation.contains(x) || safe.contains(x);
    }

    private int frequency(int x) {
      return sketch.frequency(Uses.page(x));
    }

    @Override
    void use(int x) {
      if (drop(window, x)) {
        window.add(x);
      } else if (drop(safe, x) || drop(probation, x)) {
        safe.add(x);
        while (safe.size() > 0.8 * 0.99 * c) {
          probation.add(safe.removeFirst());
        }
      } else {
        int windowMax = Math.max(1, c / 100);
        if (window.size() + probation.size() + safe.size() == c) {
          List<Integer> main = probation.isEmpty() ? safe : probation;
          if (main.isEmpty()) {
            window.removeFirst();
          } else if (window.size() < windowMax) {
            main.removeFirst();
          } else if (frequency(window.getFirst()) > frequency(main.getFirst())) {
            main.removeFirst();
            probation.add(window.removeFirst());
          } else {
            window.removeFirst();
          }
        }
        window.add(x);
        if (window.size() > windowMax) {
          probation.add(window.removeFirst());
        }
        sketch.reserve(window.size() + probation.size() + safe.size());
      }
      sketch.count(Uses.page(x));
    }
  }
}
