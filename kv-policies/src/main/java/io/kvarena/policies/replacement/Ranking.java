package io.kvarena.policies.replacement;

import java.util.Arrays;

/**
 * Numbers of {@link Books} by rank, the lowest first; of two equal ranks the lower tie. A binary
 * heap that knows where each number lies, so that a rank can change.
 */
final class Ranking {

  private int[] heap = new int[16];
  private int count;
  private int[] places = new int[0]; // by number: its place in the heap plus 1; 0 for none
  private double[] ranks = new double[0];
  private long[] ties = new long[0];

  /** The number of the lowest rank, {@link Books#NONE} if there is none. */
  int lowest() {
    return count == 0 ? Books.NONE : heap[0];
  }

  double rank(int number) {
    return ranks[number];
  }

  /** Adds a number or changes its rank. */
  void put(int number, double rank, long tie) {
    if (number >= places.length) {
      int length = Math.max(number + 1, 2 * places.length);
      places = Arrays.copyOf(places, length);
      ranks = Arrays.copyOf(ranks, length);
      ties = Arrays.copyOf(ties, length);
    }
    ranks[number] = rank;
    ties[number] = tie;
    if (places[number] == 0) {
      if (count == heap.length) {
        heap = Arrays.copyOf(heap, 2 * count);
      }
      set(count++, number);
    }
    settle(places[number] - 1);
  }

  /** Takes a number out that is in. */
  void remove(int number) {
    int place = places[number] - 1;
    places[number] = 0;
    int last = heap[--count];
    if (last != number) {
      set(place, last);
      settle(place);
    }
  }

  private void settle(int place) {
    int number = heap[place];
    while (place > 0 && isLower(number, heap[(place - 1) / 2])) {
      set(place, heap[(place - 1) / 2]);
      place = (place - 1) / 2;
    }
    while (2 * place + 1 < count) {
      int child = 2 * place + 1;
      if (child + 1 < count && isLower(heap[child + 1], heap[child])) {
        child++;
      }
      if (!isLower(heap[child], number)) {
        break;
      }
      set(place, heap[child]);
      place = child;
    }
    set(place, number);
  }

  private boolean isLower(int one, int other) {
    int order = Double.compare(ranks[one], ranks[other]);
    return order != 0 ? order < 0 : ties[one] < ties[other];
  }

  private void set(int place, int number) {
    heap[place] = number;
    places[number] = place + 1;
  }
}
