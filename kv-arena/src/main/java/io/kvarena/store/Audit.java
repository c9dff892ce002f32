package io.kvarena.store;

import io.kvarena.memory.PageArena;
import io.kvarena.memory.PageId;
import io.kvarena.memory.PagePool;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.agrona.collections.Long2LongHashMap;
import org.agrona.collections.LongArrayList;

/** Counts every reference that sequences hold and compares with what the page map says. */
final class Audit {

  private Audit() {}

  static List<String> of(
      PageArena arena,
      List<PagePool> pools,
      Collection<SequenceContent> contents,
      List<long[]> prefixes) {
    List<String> wrong = new ArrayList<>(arena.audit());
    Long2LongHashMap counted = new Long2LongHashMap(0);
    for (SequenceContent content : contents) {
      for (Lane[] ofLayer : content.lanes()) {
        for (Lane lane : ofLayer) {
          count(lane, counted);
        }
      }
      for (int pool = 0; pool < pools.size(); pool++) {
        LongArrayList held = content.reservation().held(pool);
        for (int i = 0; i < held.size(); i++) {
          counted.put(held.getLong(i), counted.get(held.getLong(i)) + 1);
        }
      }
    }
    for (long[] pages : prefixes) {
      for (long page : pages) {
        counted.put(page, counted.get(page) + 1);
      }
    }
    counted.forEachLong(
        (page, references) -> {
          int mapped = arena.references(page);
          if (mapped != references) {
            wrong.add(
                "references differ: page="
                    + PageId.of(page)
                    + ", mapped="
                    + mapped
                    + ", counted="
                    + references);
          }
        });
    long used = pools.stream().mapToLong(pool -> pool.used() + pool.away()).sum();
    if (used != counted.size()) {
      wrong.add("pages in use that nobody holds: used=" + used + ", held=" + counted.size());
    }
    return wrong;
  }

  private static void count(Lane lane, Long2LongHashMap counted) {
    BlockTable table = lane.table();
    for (int i = 0; i < table.size(); i++) {
      if (table.isSealed(i)) {
        counted.put(table.page(i), counted.get(table.page(i)) + 1);
      }
    }
    for (int i = 0; i < lane.granuleCount(); i++) {
      counted.put(lane.granuleAt(i), counted.get(lane.granuleAt(i)) + 1);
    }
  }
}
