package io.kvarena.store;

import io.kvarena.attention.RowKernel;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The workspaces of a cache: as many as there were calls at the same time. */
final class Workspaces {

  private final Supplier<FoldJob> jobs;
  private final Supplier<RowKernel> rows;
  private final Supplier<@Nullable StagedPages> staged;
  private final List<Workspace> all = new ArrayList<>();
  private final ArrayList<Workspace> idle = new ArrayList<>();

  /**
   * @param jobs makes the job of a workspace
   * @param rows makes its kernel of rows
   * @param staged makes its list of staged pages, null where there is no tier
   */
  Workspaces(
      Supplier<FoldJob> jobs, Supplier<RowKernel> rows, Supplier<@Nullable StagedPages> staged) {
    this.jobs = jobs;
    this.rows = rows;
    this.staged = staged;
  }

  synchronized Workspace borrow() {
    if (!idle.isEmpty()) {
      return idle.removeLast();
    }
    Workspace made = new Workspace(jobs, rows.get(), staged.get());
    all.add(made);
    return made;
  }

  synchronized void giveBack(Workspace workspace) {
    idle.add(workspace);
  }

  /** Native bytes of all of them. */
  synchronized long bytes() {
    return all.stream().mapToLong(Workspace::bytes).sum();
  }
}
