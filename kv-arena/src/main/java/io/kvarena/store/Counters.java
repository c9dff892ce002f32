package io.kvarena.store;

import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;

/** What a cache has done so far. */
final class Counters {
  final LongAdder tokensAppended = new LongAdder();
  final LongAdder pagesSealed = new LongAdder();

  /** Counted by every thread that folds; a LongAdder would allocate cells there. */
  final AtomicLong sealedBytesRead = new AtomicLong();

  final AtomicLong tailBytesRead = new AtomicLong();

  final LongAdder slotsEvicted = new LongAdder();
  final LongAdder forks = new LongAdder();
  final LongAdder leaks = new LongAdder();
  final AtomicLong sequences = new AtomicLong();
}
