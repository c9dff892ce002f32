package io.kvarena.attention;

import io.kvarena.format.PageLayout;
import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.stream.Collectors;

/**
 * The kernels that this process can use.
 *
 * <p>{@link #best} takes the usable one of highest rank; the system property {@value #PROPERTY}
 * forces one by name. The choice and its reason are logged once, at level DEBUG, under the name
 * {@code io.kvarena.attention}.
 */
public final class Kernels {

  /** System property that forces a kernel by its name. */
  public static final String PROPERTY = "kvarena.kernel";

  private static final String VECTOR_PROVIDER = "io.kvarena.attention.vector.VectorKernelProvider";

  private Kernels() {}

  /** Apart from the best, which is found without asking every provider. */
  private static final class Offers {
    static final List<KernelOffer> ALL = find();
  }

  private static final class Best {
    static final AttentionKernel KERNEL = choose();
  }

  /** Every kernel known here, best first, usable or not, with the reason. */
  public static List<KernelOffer> offers() {
    return Offers.ALL;
  }

  /** Every usable kernel, best first. */
  public static List<AttentionKernel> usable() {
    return offers().stream().map(KernelOffer::usableKernel).flatMap(Optional::stream).toList();
  }

  /** The kernel that serves unless a cache is told otherwise. */
  public static AttentionKernel best() {
    return Best.KERNEL;
  }

  /** The best usable kernel that reads all of {@code layouts}. */
  public static AttentionKernel best(List<PageLayout> layouts) {
    if (layouts.stream().allMatch(best()::supports)) {
      return best();
    }
    if (System.getProperty(PROPERTY) != null) {
      throw new IllegalArgumentException(
          "the forced kernel does not read this layout: kernel="
              + best().name()
              + ", layout="
              + layouts.stream()
                  .filter(layout -> !best().supports(layout))
                  .findFirst()
                  .orElseThrow()
              + "; unset -D"
              + PROPERTY
              + " or change the formats");
    }
    return usable().stream()
        .filter(kernel -> layouts.stream().allMatch(kernel::supports))
        .findFirst()
        .orElseThrow();
  }

  /** The usable kernel called {@code name}. */
  public static AttentionKernel named(String name) {
    for (KernelOffer offer : offers()) {
      if (offer.name().equals(name)) {
        return offer
            .usableKernel()
            .orElseThrow(
                () ->
                    new IllegalArgumentException(
                        "kernel not usable here: name=" + name + "; " + offer.reason()));
      }
    }
    throw new IllegalArgumentException(
        "no such kernel: name="
            + name
            + "; use one of "
            + offers().stream().map(KernelOffer::name).collect(Collectors.joining(" ")));
  }

  private static List<KernelOffer> find() {
    return sorted(providers().stream().flatMap(provider -> ask(provider).stream()).toList());
  }

  private static List<KernelOffer> sorted(List<KernelOffer> offers) {
    return offers.stream()
        .sorted(
            Comparator.comparing((KernelOffer offer) -> offer.usableKernel().isEmpty())
                .thenComparing(Comparator.comparingInt(KernelOffer::rank).reversed()))
        .toList();
  }

  /** Every provider, those of the highest ranks first. */
  private static List<KernelProvider> providers() {
    List<KernelProvider> providers = new ArrayList<>(List.of(new BuiltIn()));
    var iterator =
        ServiceLoader.load(KernelProvider.class, Kernels.class.getClassLoader()).iterator();
    while (true) {
      try {
        if (!iterator.hasNext()) {
          break;
        }
        providers.add(iterator.next());
      } catch (ServiceConfigurationError | LinkageError broken) {
        providers.add(() -> List.of(failed(broken)));
      }
    }
    providers.sort(Comparator.comparingInt(KernelProvider::rankMax).reversed());
    return providers;
  }

  /** A provider's offers; one broken provider must not take the others away. */
  private static List<KernelOffer> ask(KernelProvider provider) {
    try {
      return provider.offers();
    } catch (RuntimeException | LinkageError broken) {
      return List.of(failed(broken));
    }
  }

  private static KernelOffer failed(Throwable broken) {
    return KernelOffer.unusable(
        "provider", -1, "a kernel provider failed to load: " + broken.getMessage());
  }

  /** The kernels of this module. */
  private static final class BuiltIn implements KernelProvider {
    private static final int VECTOR = 100;

    @Override
    public int rankMax() {
      return VECTOR;
    }

    @Override
    public List<KernelOffer> offers() {
      List<KernelOffer> offers = new ArrayList<>(vectorOffers());
      offers.add(KernelOffer.usable(new ScalarKernel(), 0, "plain Java, the specification"));
      return offers;
    }

    /** Reflective, because the incubator module is there only if the JVM was started with it. */
    private static List<KernelOffer> vectorOffers() {
      try {
        Class.forName("jdk.incubator.vector.FloatVector");
      } catch (ClassNotFoundException | LinkageError absent) {
        return List.of(
            KernelOffer.unusable(
                "vector", VECTOR, "start Java with --add-modules jdk.incubator.vector"));
      }
      try {
        return Class.forName(VECTOR_PROVIDER)
            .asSubclass(KernelProvider.class)
            .getDeclaredConstructor()
            .newInstance()
            .offers();
      } catch (ReflectiveOperationException | LinkageError broken) {
        return List.of(
            KernelOffer.unusable("vector", VECTOR, "the Vector API failed to load: " + broken));
      }
    }
  }

  private static AttentionKernel choose() {
    System.Logger log = System.getLogger("io.kvarena.attention");
    String forced = System.getProperty(PROPERTY);
    if (forced != null) {
      AttentionKernel kernel = named(forced);
      log.log(Level.DEBUG, "kernel {0}: forced by -D{1}", kernel.name(), PROPERTY);
      return kernel;
    }
    List<KernelOffer> asked = new ArrayList<>();
    for (KernelProvider provider : providers()) {
      if (asked.stream()
          .anyMatch(
              offer -> offer.usableKernel().isPresent() && offer.rank() >= provider.rankMax())) {
        break; // nothing better can come, and looking for OpenCL devices takes a while
      }
      asked.addAll(ask(provider));
    }
    KernelOffer best = sorted(asked).getFirst();
    log.log(
        Level.DEBUG,
        "kernel {0}: {1}; not usable: {2}",
        best.name(),
        best.reason(),
        asked.stream()
            .filter(offer -> offer.usableKernel().isEmpty())
            .map(offer -> offer.name() + " (" + offer.reason() + ")")
            .collect(Collectors.joining(", ")));
    return best.usableKernel().orElseThrow();
  }
}
