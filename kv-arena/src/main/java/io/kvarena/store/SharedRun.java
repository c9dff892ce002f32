package io.kvarena.store;

import io.kvarena.attention.AttentionState;

/**
 * Neighbouring groups of one lane that begin a split with the same pages: these are folded once,
 * for the queries of all of them, and each goes on from its rows of the state. A job has few and
 * fills them anew in each call.
 */
final class SharedRun {

  /** The first group, and how many there are. */
  int first;

  int groups;
  int split;

  /** Pages from the split's first on. */
  int pages;

  /** Query tokens of all the groups, and where they start among the call's. */
  int tokens;

  int token;
  final AttentionState state = new AttentionState();

  /** The same for pages of rotated values. */
  final AttentionState rotated = new AttentionState();

  /** Native bytes held. */
  long bytes() {
    return state.bytes() + rotated.bytes();
  }
}
