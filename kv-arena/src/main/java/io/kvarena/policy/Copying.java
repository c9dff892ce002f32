package io.kvarena.policy;

/** When the tier gets a copy of a sealed page, which never changes. */
public enum Copying {
  /** When the page leaves: whoever needs the room waits for it. */
  BACK,
  /** Soon after it was sealed, in the background: leaving costs nothing, storing is for all. */
  THROUGH,
  /** In the background when the policy names it: see {@link PlacementPolicy#copies}. */
  SELECTIVE
}
