package io.kvarena.tier.disk;

import com.sun.nio.file.ExtendedOpenOption;
import java.nio.file.OpenOption;

/** The option for I/O past the page cache, apart since its module may not be there. */
final class DirectOption {
  private DirectOption() {}

  static OpenOption direct() {
    return ExtendedOpenOption.DIRECT;
  }
}
