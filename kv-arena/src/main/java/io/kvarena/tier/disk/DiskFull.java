package io.kvarena.tier.disk;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** Whether a call failed for want of room: Java has no type for it, only the system's words. */
final class DiskFull {
  private DiskFull() {}

  static boolean is(IOException failure) {
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (says(cause.getMessage())) {
        return true;
      }
    }
    return false;
  }

  private static boolean says(@Nullable String message) {
    return message != null
        && (message.contains("No space left")
            || message.contains("quota exceeded")
            || message.contains("ENOSPC"));
  }
}
