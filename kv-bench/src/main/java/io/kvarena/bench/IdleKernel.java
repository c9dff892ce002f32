package io.kvarena.bench;

import io.kvarena.attention.AttentionKernel;
import io.kvarena.attention.AttentionState;
import io.kvarena.attention.PageRun;
import io.kvarena.attention.Queries;
import io.kvarena.attention.RowKernel;
import io.kvarena.format.PageLayout;

/** A kernel that folds nothing: what a step takes with it is the store's own work. */
record IdleKernel(AttentionKernel rows) implements AttentionKernel {

  @Override
  public String name() {
    return "idle";
  }

  @Override
  public boolean supports(PageLayout layout) {
    return true;
  }

  @Override
  public RowKernel newRowKernel() {
    return rows.newRowKernel();
  }

  @Override
  public void fold(Queries queries, PageRun run, AttentionState state) {}
}
