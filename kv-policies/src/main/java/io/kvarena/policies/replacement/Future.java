package io.kvarena.policies.replacement;

import io.kvarena.tier.PageKey;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.agrona.collections.Object2IntHashMap;

/**
 * All uses of pages that will come, in their order, and how far they have come, for policies that
 * look ahead. Whoever replays the uses says each one ({@link #used}) before the policy hears of it;
 * policies only ask.
 */
public final class Future {

  /** The time of a use that never comes. */
  static final int NEVER = Integer.MAX_VALUE;

  private final Object2IntHashMap<PageKey> numbers;
  private final int[][] times; // [page][use]
  private final int[] uses; // [page]: how many have been

  private Future(Object2IntHashMap<PageKey> numbers, int[][] times) {
    this.numbers = numbers;
    this.times = times;
    uses = new int[times.length];
  }

  /** The future in which these pages are used one after the other. */
  public static Future of(List<PageKey> pages) {
    Object2IntHashMap<PageKey> numbers = new Object2IntHashMap<>(Books.NONE);
    List<int[]> times = new ArrayList<>();
    int[] counts = new int[16];
    for (int time = 0; time < pages.size(); time++) {
      int number = numbers.getValue(pages.get(time));
      if (number == Books.NONE) {
        number = times.size();
        numbers.put(pages.get(time), number);
        times.add(new int[1]);
        if (number == counts.length) {
          counts = Arrays.copyOf(counts, 2 * number);
        }
      }
      int[] of = times.get(number);
      if (counts[number] == of.length) {
        of = Arrays.copyOf(of, 2 * of.length);
        times.set(number, of);
      }
      of[counts[number]++] = time;
    }
    for (int i = 0; i < times.size(); i++) {
      times.set(i, Arrays.copyOf(times.get(i), counts[i]));
    }
    return new Future(numbers, times.toArray(new int[0][]));
  }

  /** The same future from its start, for another policy; several may be read at once. */
  public Future again() {
    return new Future(numbers, times);
  }

  /** Says that a page is used now. */
  public void used(PageKey page) {
    int number = numbers.getValue(page);
    if (number != Books.NONE) {
      uses[number]++;
    }
  }

  /** When the page is used again: places in the list; {@link #NEVER} if it is not. */
  int next(PageKey page) {
    int number = numbers.getValue(page);
    return number == Books.NONE || uses[number] >= times[number].length
        ? NEVER
        : times[number][uses[number]];
  }
}
