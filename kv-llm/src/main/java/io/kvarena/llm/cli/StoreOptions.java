package io.kvarena.llm.cli;

import io.kvarena.KvCache;
import io.kvarena.KvCacheBuilder;
import io.kvarena.tier.disk.DiskTier;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Where pages go that memory has no room for, and those that are to outlive the program. */
final class StoreOptions {

  /** Below the store's directory: what is kept, and what is wiped at each start. */
  private static final String KEPT = "kept";

  private static final String OFFLOADED = "offloaded";

  @Spec(Spec.Target.MIXEE)
  @SuppressWarnings("NullAway.Init") // picocli sets it
  private CommandSpec spec;

  @Option(
      names = "--store",
      paramLabel = "DIR",
      description = "Directory for pages on disk; made if it is not there.")
  private @Nullable Path directory;

  @Option(
      names = "--disk",
      paramLabel = "SIZE",
      defaultValue = "10g",
      converter = ByteSize.class,
      description = "Limit of the files in it: 750m, 10g; ${DEFAULT-VALUE} if not given.")
  private long diskBytes;

  @Option(
      names = "--memory",
      paramLabel = "SIZE",
      converter = ByteSize.class,
      description =
          "Limit of native memory for pages; what is beyond it lies in the store. As much as the"
              + " context takes if not given.")
  private @Nullable Long memoryBytes;

  boolean isSet() {
    return directory != null;
  }

  static Path kept(Path store) {
    return store.resolve(KEPT);
  }

  static Path offloaded(Path store) {
    return store.resolve(OFFLOADED);
  }

  /** A cache and the tiers beneath, closed together. */
  record Stored(KvCache cache, @Nullable DiskTier kept, @Nullable DiskTier offloaded)
      implements AutoCloseable {
    @Override
    public void close() {
      cache.close();
      if (kept != null) {
        kept.close();
      }
      if (offloaded != null) {
        offloaded.close();
      }
    }
  }

  /**
   * Builds a cache on the store, if there is one.
   *
   * @param keep whether sessions are to be kept in it
   * @param model the model's identity, needed to keep them
   */
  Stored build(KvCacheBuilder builder, boolean keep, String model) {
    if (directory == null) {
      if (memoryBytes != null || keep) {
        throw new ParameterException(
            spec.commandLine(), "pages need a place to go; name a directory with --store");
      }
      try {
        return new Stored(builder.build(), null, null);
      } catch (IllegalArgumentException e) {
        throw new ParameterException(spec.commandLine(), e.getMessage(), e);
      }
    }
    DiskTier kept = null;
    DiskTier offloaded = null;
    KvCache cache = null;
    try {
      builder.model(model);
      if (keep) {
        kept =
            DiskTier.at(kept(directory))
                .maxBytes(diskBytes)
                .fingerprint(builder.fingerprint())
                .open();
        builder.durable(kept);
      }
      if (memoryBytes != null) {
        offloaded = DiskTier.at(offloaded(directory)).maxBytes(diskBytes).durable(false).open();
        builder.maxBytes(memoryBytes).tier(offloaded);
      }
      cache = builder.build();
      return new Stored(cache, kept, offloaded);
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), e.getMessage(), e);
    } finally {
      if (cache == null && kept != null) {
        kept.close();
      }
      if (cache == null && offloaded != null) {
        offloaded.close();
      }
    }
  }
}
