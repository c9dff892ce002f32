package io.kvarena.tier.disk;

import java.io.IOException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/** Waits for I/O on other threads, which must not be left behind with the caller's memory. */
final class Waiting {
  private Waiting() {}

  /** Waits however often the caller is interrupted, and tells it afterwards. */
  static <T extends @Nullable Object> T get(Future<T> future) throws IOException {
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return future.get();
        } catch (InterruptedException e) {
          interrupted = true;
        } catch (ExecutionException e) {
          switch (e.getCause()) {
            case IOException cause -> throw new IOException(cause.getMessage(), cause);
            case RuntimeException cause -> throw cause;
            case Error cause -> throw cause;
            case null, default -> throw new IOException(e);
          }
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
