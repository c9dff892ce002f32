package io.kvarena.llm.tokenizer;

import java.util.PriorityQueue;

/**
 * Byte-pair merging: joins the neighbouring pair of best priority until none can be joined. Of
 * equal priorities the leftmost goes first. O(n log n) in the length of the text.
 */
final class PairMerger {

  /** Says which pairs may be joined. */
  interface Ranker {
    /** Not to be joined. */
    double NEVER = Double.POSITIVE_INFINITY;

    /** Priority, lowest first, of joining text[from, middle) and text[middle, to). */
    double priority(String text, int from, int middle, int to);
  }

  private record Candidate(double priority, int left, int middle, int end)
      implements Comparable<Candidate> {
    @Override
    public int compareTo(Candidate other) {
      int byPriority = Double.compare(priority, other.priority);
      return byPriority != 0 ? byPriority : Integer.compare(left, other.left);
    }
  }

  private final String text;
  private final Ranker ranker;
  private final PriorityQueue<Candidate> queue = new PriorityQueue<>();
  // Symbols are named by where they start; next[s] is where s ends and the next one starts.
  private final int[] next;
  private final int[] previous;

  private PairMerger(String text, Ranker ranker) {
    this.text = text;
    this.ranker = ranker;
    this.next = new int[text.length() + 1];
    this.previous = new int[text.length() + 1];
  }

  /** The ends of the symbols that remain when {@code text} starts as one symbol a code point. */
  static int[] merge(String text, Ranker ranker) {
    PairMerger merger = new PairMerger(text, ranker);
    merger.start();
    merger.run();
    return merger.ends();
  }

  private void start() {
    int before = -1;
    for (int at = 0; at < text.length(); ) {
      int end = at + Character.charCount(text.codePointAt(at));
      next[at] = end;
      previous[at] = before;
      before = at;
      at = end;
    }
    previous[text.length()] = before;
    for (int at = 0; at < text.length(); at = next[at]) {
      offer(at);
    }
  }

  private void offer(int left) {
    int middle = next[left];
    if (middle == text.length()) {
      return;
    }
    double priority = ranker.priority(text, left, middle, next[middle]);
    if (priority != Ranker.NEVER) {
      queue.add(new Candidate(priority, left, middle, next[middle]));
    }
  }

  private void run() {
    for (Candidate c = queue.poll(); c != null; c = queue.poll()) {
      // A candidate is stale where either symbol has been joined to another since. A symbol that
      // was swallowed has next = 0.
      if (next[c.left] != c.middle || next[c.middle] != c.end) {
        continue;
      }
      next[c.left] = c.end;
      next[c.middle] = 0;
      previous[c.end] = c.left;
      offer(c.left);
      if (previous[c.left] >= 0) {
        offer(previous[c.left]);
      }
    }
  }

  private int[] ends() {
    int count = 0;
    for (int at = 0; at < text.length(); at = next[at]) {
      count++;
    }
    int[] ends = new int[count];
    int index = 0;
    for (int at = 0; at < text.length(); at = next[at]) {
      ends[index++] = next[at];
    }
    return ends;
  }
}
