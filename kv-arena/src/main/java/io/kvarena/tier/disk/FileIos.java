package io.kvarena.tier.disk;

import io.kvarena.tier.FileIo;
import io.kvarena.tier.FileIoProvider;
import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The ways to do file I/O that this process knows.
 *
 * <p>{@link #best} takes the usable one of highest rank; the system property {@value #PROPERTY}
 * forces one by name. The choice and its reason are logged at level DEBUG, under the name {@code
 * io.kvarena.tier}.
 */
public final class FileIos {

  /** System property that forces a way by its name. */
  public static final String PROPERTY = "kvarena.io";

  private FileIos() {}

  private static final class Known {
    static final List<FileIoProvider> ALL = find();
  }

  /** Every way known here, highest rank first, usable or not. */
  public static List<FileIoProvider> providers() {
    return Known.ALL;
  }

  /** A new one of the way that serves unless a tier is told otherwise; the caller's to close. */
  public static FileIo best() {
    return choose(System.getProperty(PROPERTY), providers()).open();
  }

  /** A new one of the usable way called {@code name}; the caller's to close. */
  public static FileIo named(String name) {
    return named(name, providers()).open();
  }

  private static FileIoProvider named(String name, List<FileIoProvider> providers) {
    for (FileIoProvider provider : providers) {
      if (provider.name().equals(name)) {
        String why = provider.whyNot();
        if (why != null) {
          throw new IllegalArgumentException("I/O not usable here: name=" + name + "; " + why);
        }
        return provider;
      }
    }
    throw new IllegalArgumentException(
        "no such I/O: name="
            + name
            + "; use one of "
            + providers.stream().map(FileIoProvider::name).collect(Collectors.joining(" ")));
  }

  static FileIoProvider choose(@Nullable String forced, List<FileIoProvider> providers) {
    System.Logger log = System.getLogger("io.kvarena.tier");
    if (forced != null) {
      FileIoProvider provider = named(forced, providers);
      log.log(Level.DEBUG, "I/O {0}: forced by -D{1}", provider.name(), PROPERTY);
      return provider;
    }
    List<String> unusable = new ArrayList<>();
    for (FileIoProvider provider : providers) {
      String why = provider.whyNot();
      if (why == null) {
        log.log(Level.DEBUG, "I/O {0}; not usable: {1}", provider.name(), unusable);
        return provider;
      }
      unusable.add(provider.name() + " (" + why + ")");
    }
    throw new IllegalStateException("no I/O is usable: " + unusable);
  }

  private static List<FileIoProvider> find() {
    List<FileIoProvider> providers = new ArrayList<>(List.of(new Channels()));
    var iterator =
        ServiceLoader.load(FileIoProvider.class, FileIos.class.getClassLoader()).iterator();
    while (true) {
      try {
        if (!iterator.hasNext()) {
          break;
        }
        providers.add(iterator.next());
      } catch (ServiceConfigurationError | LinkageError broken) {
        // one broken provider must not take the others away
        providers.add(new Broken(broken));
      }
    }
    providers.sort(Comparator.comparingInt(FileIoProvider::rank).reversed());
    return List.copyOf(providers);
  }

  /** {@link ChannelIo}, which is always there. */
  private static final class Channels implements FileIoProvider {
    @Override
    public String name() {
      return "channel";
    }

    @Override
    public int rank() {
      return 0;
    }

    @Override
    public @Nullable String whyNot() {
      return null;
    }

    @Override
    public FileIo open() {
      return new ChannelIo();
    }
  }

  /** What came of a provider that does not load. */
  private record Broken(Throwable cause) implements FileIoProvider {
    @Override
    public String name() {
      return "provider";
    }

    @Override
    public int rank() {
      return -1;
    }

    @Override
    public String whyNot() {
      return "a provider of I/O failed to load: " + cause.getMessage();
    }

    @Override
    public FileIo open() {
      throw new UnsupportedOperationException(whyNot());
    }
  }
}
