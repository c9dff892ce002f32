package io.kvarena.store;

import java.util.ArrayList;
import java.util.List;

/** The workspaces of a cache: as many as there were calls at the same time. */
final class Workspaces {

  private final List<Workspace> all = new ArrayList<>();
  private final ArrayList<Workspace> idle = new ArrayList<>();

  synchronized Workspace borrow() {
    if (!idle.isEmpty()) {
      return idle.removeLast();
    }
    Workspace made = new Workspace();
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
