package io.kvarena.ffi;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.kvarena.fixtures.tier.DurableTierContract;
import io.kvarena.tier.DurableTier;
import io.kvarena.tier.disk.DiskTier;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

/** The contract of durable tiers, through io_uring. */
class UringTierTest extends DurableTierContract {
  private static UringIo io;

  @BeforeAll
  static void open() {
    assumeTrue(UringIo.whyNot() == null, UringIo.whyNot());
    io = new UringIo();
  }

  @AfterAll
  static void close() {
    if (io != null) {
      io.close();
    }
  }

  @Override
  protected DurableTier open(Path place, long maxBytes) {
    return DiskTier.at(place)
        .maxBytes(maxBytes)
        .fileBytes(1 << 20)
        .bufferBytes(2 << 20)
        .io(io)
        .open();
  }
}
