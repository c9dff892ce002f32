package io.kvarena.llm.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** The queue-driven merger does what the plain loop over all pairs does. */
class PairMergerTest {

  /** Byte-pair merging as it is told: find the best pair, leftmost among equals, join, repeat. */
  private static int[] naive(String text, PairMerger.Ranker ranker) {
    List<Integer> ends = new ArrayList<>();
    for (int at = 0; at < text.length(); ) {
      at += Character.charCount(text.codePointAt(at));
      ends.add(at);
    }
    while (true) {
      double best = PairMerger.Ranker.NEVER;
      int bestIndex = -1;
      for (int i = 0; i + 1 < ends.size(); i++) {
        int from = i == 0 ? 0 : ends.get(i - 1);
        double priority = ranker.priority(text, from, ends.get(i), ends.get(i + 1));
        if (priority < best) {
          best = priority;
          bestIndex = i;
        }
      }
      if (bestIndex < 0) {
        return ends.stream().mapToInt(Integer::intValue).toArray();
      }
      ends.remove(/* index */ bestIndex);
    }
  }

  @Test
  void merge_randomTextsAndRanks_equalsTheNaiveLoop() {
    SplittableRandom random = new SplittableRandom(7);
    for (int round = 0; round < 3_000; round++) {
      Map<String, Double> ranks = new HashMap<>();
      for (int i = random.nextInt(20); i >= 0; i--) {
        // few ranks, so that ties are common
        ranks.put(word(random, 2 + random.nextInt(4)), (double) random.nextInt(4));
      }
      String text = word(random, random.nextInt(24));
      PairMerger.Ranker ranker =
          (t, from, middle, to) ->
              ranks.getOrDefault(t.substring(from, to), PairMerger.Ranker.NEVER);
      assertArrayEquals(naive(text, ranker), PairMerger.merge(text, ranker), text + " " + ranks);
    }
  }

  private static String word(SplittableRandom random, int length) {
    StringBuilder word = new StringBuilder();
    for (int i = 0; i < length; i++) {
      word.appendCodePoint(random.nextInt(8) == 0 ? 0x1f642 : 'a' + random.nextInt(3));
    }
    return word.toString();
  }

  @Test
  void merge_longRunOfOneCharacter_isNotQuadratic() {
    // a quadratic merger would need 10^10 steps for this one
    String text = "a".repeat(100_000);
    int[] ends = PairMerger.merge(text, (t, from, middle, to) -> to - from <= 2 ? 0 : 1e9);
    assertEquals(1, ends.length);
  }
}
