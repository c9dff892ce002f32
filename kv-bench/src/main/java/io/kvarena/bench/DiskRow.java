package io.kvarena.bench;

/**
 * Moving pages to or from disk.
 *
 * @param io how files are read and written
 * @param action store, load, or load of pages in random order
 * @param pageBytes bytes of a page
 * @param encrypted whether the tier encrypts
 * @param rawGigabytesPerSecond reads or writes of this size and number, with nothing around them
 * @param extentGigabytesPerSecond the same bytes in order, 512 KiB a read or write
 * @param gigabytesPerSecond bytes of pages through the tier
 */
record DiskRow(
    String io,
    String action,
    int pageBytes,
    boolean encrypted,
    double rawGigabytesPerSecond,
    double extentGigabytesPerSecond,
    double gigabytesPerSecond) {

  /** Share of what the disk gives for this size. */
  double share() {
    return gigabytesPerSecond / rawGigabytesPerSecond;
  }

  /** Share of what the disk gives for large reads and writes. */
  double extentShare() {
    return gigabytesPerSecond / extentGigabytesPerSecond;
  }
}
