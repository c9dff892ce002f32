package io.kvarena.tier;

import org.jspecify.annotations.Nullable;

/** How a module brings another way to do I/O; found with {@link java.util.ServiceLoader}. */
public interface FileIoProvider {

  /** Name by which it is forced, as its {@link FileIo#name()}. */
  String name();

  /** The usable one of highest rank serves; channels have 0. */
  int rank();

  /** Why it cannot serve on this machine, with the way out; null if it can. */
  @Nullable String whyNot();

  /** One for a tier, which closes it. */
  FileIo open();
}
