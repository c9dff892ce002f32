package io.kvarena.store;

import io.kvarena.KvEvent;
import io.kvarena.LeakDetection;
import java.lang.System.Logger.Level;
import java.lang.ref.Cleaner;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Notices handles that were dropped without close, frees what they held and says where they were
 * opened.
 */
final class LeakDetector {

  private static final Cleaner CLEANER = Cleaner.create();
  private static final int SAMPLE = 128;
  private static final int FRAMES = 12;

  private final LeakDetection level;
  private final HostCache cache;
  private final AtomicLong handles = new AtomicLong();

  LeakDetector(LeakDetection level, HostCache cache) {
    this.level = level;
    this.cache = cache;
  }

  /** Watches a handle, or does not, by the level. */
  Cleaner.@Nullable Cleanable watch(HostSequence handle, SequenceContent content) {
    boolean watched =
        switch (level) {
          case OFF -> false;
          case SAMPLED -> handles.getAndIncrement() % SAMPLE == 0;
          case EVERY_HANDLE -> true;
        };
    return watched
        ? CLEANER.register(handle, new Watch(cache, content, new Throwable("opened here")))
        : null;
  }

  /** Runs once: when the handle is closed, and then finds nothing to do, or when it is lost. */
  private record Watch(HostCache cache, SequenceContent content, Throwable openedAt)
      implements Runnable {

    @Override
    public void run() {
      if (!cache.forgetLost(content)) {
        return;
      }
      String where =
          java.util.Arrays.stream(openedAt.getStackTrace())
              .filter(frame -> !frame.getClassName().startsWith("io.kvarena.store."))
              .limit(FRAMES)
              .map(StackTraceElement::toString)
              .collect(Collectors.joining("\n  at ", "at ", ""));
      cache.counters().leaks.increment();
      System.getLogger("io.kvarena.store")
          .log(
              Level.WARNING,
              "a sequence was dropped without close: sequence={0}; close it, opened\n  {1}",
              content.id(),
              where);
      cache.tell(new KvEvent.Leaked(content.id(), where));
    }
  }
}
