package io.kvarena.attention;

import io.kvarena.format.PageLayout;
import io.kvarena.policy.Signal;
import java.util.Set;

/**
 * Computes attention on pages where they lie: folds a run of pages into an attention state.
 *
 * <p>Kernels are shared by all threads. What a kernel computes for one query depends on that query,
 * the pages that it sees and their order, and on nothing else in the call: so results do not depend
 * on how a prompt was cut, and a page of which a query sees no slot changes nothing.
 */
public interface AttentionKernel {

  /** Short name, such as {@code scalar} or {@code c-avx512}. */
  String name();

  /** Whether the kernel reads pages of this layout. */
  boolean supports(PageLayout layout);

  /** What the kernel can report beside the attention itself. */
  default Set<Signal> supplies() {
    return Set.of();
  }

  /**
   * Whether a fold occupies all of a device by itself. The store then hands it a sequence's pages
   * in one piece and on the calling thread, instead of splitting them among threads.
   */
  default boolean spreads() {
    return false;
  }

  /** A kernel that writes rows where this one reads them, for the use of one thread at a time. */
  default RowKernel newRowKernel() {
    return new ScalarRows();
  }

  /**
   * Whether a run folded in two calls, one after the other, gives the bits of one call: nothing but
   * the state goes from page to page. The store then also folds the first pages of a split once for
   * all sequences that share them, where the rest of the split differs.
   */
  default boolean seamless() {
    return false;
  }

  /**
   * Continues {@code state} over the pages of {@code run} for every query.
   *
   * <p>For a query token t and the slots that it sees: logit = scale · q·k, capped if there is a
   * soft cap; m' = max(m, logits); d = d · exp(m − m') + Σ exp(logit − m'); o likewise with the
   * values. A slot is seen if it is live and its position lies in the query's bounds; the weight of
   * any other is exactly 0.
   */
  void fold(Queries queries, PageRun run, AttentionState state);
}
