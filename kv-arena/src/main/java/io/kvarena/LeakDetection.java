package io.kvarena;

/** How closely sequences that are dropped without {@code close} are watched for. */
public enum LeakDetection {
  /** Not at all. */
  OFF,
  /** One handle in 128 remembers where it was opened. */
  SAMPLED,
  /** Every handle remembers where it was opened. */
  EVERY_HANDLE
}
