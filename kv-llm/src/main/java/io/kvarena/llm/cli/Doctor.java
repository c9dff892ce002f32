package io.kvarena.llm.cli;

import com.sun.management.OperatingSystemMXBean;
import io.kvarena.attention.AttentionKernel;
import io.kvarena.attention.KernelOffer;
import io.kvarena.attention.Kernels;
import io.kvarena.tier.FileIo;
import io.kvarena.tier.FileIoProvider;
import io.kvarena.tier.disk.FileIos;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Looks at what this machine offers and says how to get what is missing. */
@Command(
    name = "doctor",
    description = "What this machine offers the cache, with a cure for what is missing.")
final class Doctor implements Callable<Integer> {
  @Mixin private final OutputOptions output = new OutputOptions();

  /**
   * One line of the report.
   *
   * @param subject what was looked at
   * @param found what there is
   * @param cure how to get more; absent where all is well
   */
  private record Finding(String subject, String found, Optional<String> cure) {
    static Finding good(String subject, String found) {
      return new Finding(subject, found, Optional.empty());
    }

    static Finding lacking(String subject, String found, String cure) {
      return new Finding(subject, found, Optional.of(cure));
    }
  }

  @Override
  public Integer call() {
    List<Finding> findings = new ArrayList<>();
    findings.add(jdk());
    findings.add(nativeAccess());
    findings.add(vector());
    for (KernelOffer offer : Kernels.offers()) {
      findings.add(kernel(offer));
    }
    findings.add(Finding.good("kernel in use", inUse()));
    for (FileIoProvider provider : FileIos.providers()) {
      findings.add(io(provider));
    }
    findings.add(Finding.good("disk I/O in use", ioInUse()));
    findings.addAll(memory());
    print(findings);
    output.result(fields(findings));
    return 0;
  }

  private static Finding jdk() {
    Runtime.Version version = Runtime.version();
    String found = version + ", " + System.getProperty("java.vm.vendor");
    return version.feature() >= 25
        ? Finding.good("JDK", found)
        : Finding.lacking("JDK", found, "install JDK 25 or later");
  }

  private static Finding nativeAccess() {
    return Doctor.class.getModule().isNativeAccessEnabled()
        ? Finding.good("native access", "enabled")
        : Finding.lacking(
            "native access", "not enabled", "start Java with --enable-native-access=ALL-UNNAMED");
  }

  private static Finding vector() {
    String subject = "vector species";
    Optional<Module> incubator = ModuleLayer.boot().findModule("jdk.incubator.vector");
    if (incubator.isEmpty()) {
      return Finding.lacking(
          subject, "Vector API absent", "start Java with --add-modules jdk.incubator.vector");
    }
    try {
      // by reflection, because the module is there only if the JVM was started with it
      Class<?> floats = Class.forName("jdk.incubator.vector.FloatVector");
      Object species = floats.getField("SPECIES_PREFERRED").get(null);
      return Finding.good(subject, String.valueOf(species));
    } catch (ReflectiveOperationException | LinkageError e) {
      return Finding.lacking(subject, "Vector API broken: " + e, "use JDK 25");
    }
  }

  private static Finding kernel(KernelOffer offer) {
    String subject = "kernel " + offer.name();
    return offer.usableKernel().isPresent()
        ? Finding.good(subject, offer.reason())
        : Finding.lacking(subject, "not usable", offer.reason());
  }

  private static String inUse() {
    AttentionKernel best = Kernels.best();
    return best.name()
        + (System.getProperty(Kernels.PROPERTY) == null
            ? ", the best usable one"
            : ", forced by -D" + Kernels.PROPERTY);
  }

  private static Finding io(FileIoProvider provider) {
    String subject = "disk I/O " + provider.name();
    String why = provider.whyNot();
    return why == null
        ? Finding.good(subject, "usable")
        : Finding.lacking(subject, "not usable", why);
  }

  private static String ioInUse() {
    try (FileIo io = FileIos.best()) {
      return io.name()
          + (System.getProperty(FileIos.PROPERTY) == null
              ? ", the best usable one"
              : ", forced by -D" + FileIos.PROPERTY);
    }
  }

  private static List<Finding> memory() {
    List<Finding> findings = new ArrayList<>();
    Runtime runtime = Runtime.getRuntime();
    findings.add(Finding.good("processors", Integer.toString(runtime.availableProcessors())));
    findings.add(Finding.good("heap limit", Table.bytes(runtime.maxMemory())));
    if (ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean system) {
      // within a container these are the container's
      findings.add(
          Finding.good(
              "memory",
              Table.bytes(system.getFreeMemorySize())
                  + " free of "
                  + Table.bytes(system.getTotalMemorySize())));
    }
    return findings;
  }

  private void print(List<Finding> findings) {
    int width = findings.stream().mapToInt(f -> f.subject().length()).max().orElse(0);
    for (Finding finding : findings) {
      String mark = finding.cure().isEmpty() ? "ok" : "--";
      output.text().printf("%s  %-" + width + "s  %s%n", mark, finding.subject(), finding.found());
      finding
          .cure()
          .ifPresent(cure -> output.text().printf("    %" + width + "s  cure: %s%n", "", cure));
    }
  }

  private static Map<String, Object> fields(List<Finding> findings) {
    List<Map<String, Object>> checks = new ArrayList<>();
    for (Finding finding : findings) {
      Map<String, Object> check = new LinkedHashMap<>();
      check.put("subject", finding.subject());
      check.put("found", finding.found());
      check.put("ok", finding.cure().isEmpty());
      finding.cure().ifPresent(cure -> check.put("cure", cure));
      checks.add(check);
    }
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("kernel", Kernels.best().name());
    fields.put("checks", checks);
    return fields;
  }
}
