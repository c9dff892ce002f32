package io.kvarena.ffi;

import io.kvarena.tier.FileIo;
import io.kvarena.tier.FileIoProvider;
import org.jspecify.annotations.Nullable;

/** Offers io_uring, for {@link java.util.ServiceLoader}. */
public final class UringIoProvider implements FileIoProvider {

  /** For {@link java.util.ServiceLoader}. */
  public UringIoProvider() {}

  @Override
  public String name() {
    return "uring";
  }

  @Override
  public int rank() {
    return 100;
  }

  @Override
  public @Nullable String whyNot() {
    return UringIo.whyNot();
  }

  @Override
  public FileIo open() {
    return new UringIo();
  }
}
