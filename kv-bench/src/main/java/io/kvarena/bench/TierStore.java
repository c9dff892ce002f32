package io.kvarena.bench;

import io.kvarena.tier.PageKey;
import io.kvarena.tier.PageTransfer;
import io.kvarena.tier.disk.DiskTier;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The disk tier. A page's checksum is taken when it is sealed, so not counted here. */
final class TierStore implements PageStore {
  private final DiskTier tier;
  private final Map<PageKey, Integer> checksums = new HashMap<>();

  TierStore(Path directory, long bytes) {
    tier = DiskTier.at(directory).maxBytes(4 * bytes).open();
    tier.pages((key, about, size, crc32c) -> checksums.put(key, crc32c));
  }

  /** Tells a page's checksum before it is stored. */
  void seal(int id, MemorySegment page) {
    checksums.put(new PageKey(1, id), PageTransfer.crc32c(page));
  }

  private List<PageTransfer> transfers(List<Integer> ids, List<MemorySegment> pages) {
    List<PageTransfer> transfers = new ArrayList<>();
    for (int i = 0; i < ids.size(); i++) {
      PageKey key = new PageKey(1, ids.get(i));
      transfers.add(
          new PageTransfer(key, new byte[16], pages.get(i), checksums.getOrDefault(key, 0)));
    }
    return transfers;
  }

  @Override
  public void store(List<Integer> ids, List<MemorySegment> pages) {
    tier.store(transfers(ids, pages));
  }

  @Override
  public void sync() {
    tier.sync();
  }

  @Override
  public void load(List<Integer> ids, List<MemorySegment> pages) {
    tier.load(transfers(ids, pages));
  }

  @Override
  public void close() {
    tier.close();
  }
}
