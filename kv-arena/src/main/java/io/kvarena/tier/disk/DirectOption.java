package io.kvarena.tier.disk;

import java.nio.file.OpenOption;

/**
 * The option for I/O past the page cache. It is looked up by name: its module need not be there,
 * and javac warns of whoever names its class.
 */
final class DirectOption {
  private DirectOption() {}

  /** Throws UnsupportedOperationException, with the way out, where this JVM has none. */
  static OpenOption direct() {
    try {
      Object[] options = Class.forName("com.sun.nio.file.ExtendedOpenOption").getEnumConstants();
      if (options != null) {
        for (Object option : options) {
          if (option.toString().equals("DIRECT") && option instanceof OpenOption found) {
            return found;
          }
        }
      }
    } catch (ClassNotFoundException e) {
      // said below
    }
    throw new UnsupportedOperationException(
        "this JVM lacks the module jdk.unsupported; add it with --add-modules jdk.unsupported");
  }
}
