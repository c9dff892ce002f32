package io.kvarena.policies;

import io.kvarena.policy.Budget;
import io.kvarena.policy.EvictionPolicy;
import io.kvarena.policy.Selection;
import io.kvarena.policy.Selection.Range;
import io.kvarena.policy.SequenceView;

/**
 * Keeps the first {@code sinks} positions and the last {@code window}, forgets what lies between.
 *
 * <p>Source: Xiao et al., Efficient Streaming Language Models with Attention Sinks, arXiv
 * 2309.17453, whose window is counted after the newcomers are in, as here. The paper gives kept
 * tokens positions within the cache; this policy leaves that to {@link
 * io.kvarena.KvSequence#shift}. The budget is not asked: the two numbers are the budget.
 *
 * @param sinks positions kept at the start; 4 in the paper
 * @param window positions kept at the end, the step's own included
 */
public record SinkWindow(int sinks, int window) implements EvictionPolicy {

  public SinkWindow {
    if (sinks < 0 || window < 1) {
      throw new IllegalArgumentException(
          "sinks are not negative and a window has a token: sinks="
              + sinks
              + ", window="
              + window
              + "; 4 and 1020 are the paper's");
    }
  }

  @Override
  public String name() {
    return "sink-window";
  }

  @Override
  public Selection select(SequenceView view, int incoming, Budget budget) {
    // A step longer than the window still attends within itself; only earlier tokens can go now.
    long end = (long) view.length() + incoming - window;
    int to = (int) Math.min(view.length(), Math.max(end, 0));
    if (to <= sinks) {
      return Selection.NOTHING;
    }
    return Selection.everywhere(view.shape().layerCount(), new Range(sinks, to));
  }
}
