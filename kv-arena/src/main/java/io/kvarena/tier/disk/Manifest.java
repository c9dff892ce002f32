package io.kvarena.tier.disk;

import java.util.List;

/**
 * What a restart finds: the page files and, for each slot that counts, the checksum of its header.
 *
 * @param epoch counts manifests of a directory from 1; the largest that is whole counts
 * @param generation the next that was not given to a slot
 * @param nextFile the next that was not given to a file
 * @param fingerprint 32 bytes that say whose pages these are
 * @param keyCheck what only the key can have made, or zeros: see {@link ManifestDescriptor}
 * @param encrypted whether payloads are cipher text
 * @param files the page files with at least one slot that counts
 */
record Manifest(
    long epoch,
    long generation,
    long nextFile,
    byte[] fingerprint,
    byte[] keyCheck,
    boolean encrypted,
    List<File> files) {

  /**
   * A page file.
   *
   * @param number its number, from which follows its name
   * @param slotBytes size of its slots
   * @param slotsMax slots that it may grow to
   * @param retired whether it is in doubt after a failed sync, and not written any more
   * @param marks checksum of each slot's header, 0 where nothing counts
   */
  record File(long number, long slotBytes, int slotsMax, boolean retired, int[] marks) {}
}
