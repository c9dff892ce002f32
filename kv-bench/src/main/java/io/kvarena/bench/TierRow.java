package io.kvarena.bench;

/**
 * A decode step of a sequence that is larger than memory.
 *
 * @param format format of keys and values
 * @param context tokens
 * @param layers layers of the model
 * @param times how many times the memory the cache takes
 * @param computeMillis the same step with everything in memory
 * @param transferMillis reading the same bytes from the disk, with nothing around it
 * @param stepMillis the step
 * @param bytesRead bytes read from the tier in a step
 */
record TierRow(
    String format,
    int context,
    int layers,
    double times,
    double computeMillis,
    double transferMillis,
    double stepMillis,
    long bytesRead) {

  /** The step beside the longer of the two that it is made of. */
  double ratio() {
    return stepMillis / Math.max(computeMillis, transferMillis);
  }
}
