package io.kvarena.opencl;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.kvarena.attention.KernelOffer;
import io.kvarena.attention.Kernels;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Machines without OpenCL, each played in a JVM of its own: LWJGL looks for the library once. */
final class AbsentOpenClTest {

  private static final String CURE =
      "install an OpenCL driver, such as the package pocl-opencl-icd with ocl-icd-libopencl1";

  /** Prints what a process sees; run by the tests. */
  static final class Probe {
    private Probe() {}

    public static void main(String[] arguments) {
      KernelOffer offer =
          Kernels.offers().stream()
              .filter(each -> each.name().equals("opencl"))
              .findFirst()
              .orElseThrow();
      System.out.println(offer.usableKernel().isPresent() + ": " + offer.reason());
      for (ClDoctor.Line line : ClDoctor.report()) {
        System.out.println(line.subject() + " " + line.green() + ": " + line.text());
        System.out.println(line.cure());
      }
    }
  }

  /** What the probe prints, stderr included, which must stay empty. */
  private static List<String> probe(List<String> options, Map<String, String> environment)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("--enable-native-access=ALL-UNNAMED");
    command.addAll(options);
    command.add("-cp");
    command.add(System.getProperty("java.class.path"));
    command.add(Probe.class.getName());
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().putAll(environment);
    Process process = builder.start();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), out);
    return out.lines().toList();
  }

  @Test
  void offers_withoutALibrary_saysHowToGetOne() throws Exception {
    assertEquals(
        List.of(
            "false: no OpenCL library: name=libNoSuchThing.so; " + CURE,
            "OpenCL false: no OpenCL library: name=libNoSuchThing.so",
            CURE),
        probe(List.of("-Dorg.lwjgl.opencl.libname=libNoSuchThing.so"), Map.of()));
  }

  @Test
  @NeedsOpenCl
  void offers_withoutAPlatform_saysHowToGetOne(@TempDir Path empty) throws Exception {
    assertEquals(
        List.of(
            "false: no OpenCL platform: code=-1001 (CL_PLATFORM_NOT_FOUND_KHR); " + CURE,
            "OpenCL false: no OpenCL platform: code=-1001 (CL_PLATFORM_NOT_FOUND_KHR)",
            CURE),
        probe(List.of(), Map.of("OCL_ICD_VENDORS", empty + "/")));
  }

  @Test
  @NeedsOpenCl
  void offers_deviceThatIsNotThere_saysWhichIs() throws Exception {
    List<String> lines = probe(List.of("-Dkvarena.opencl.device=abacus"), Map.of());
    assertEquals(
        "false: no such OpenCL device: kvarena.opencl.device=abacus, first="
            + ClDevices.all().getFirst().name()
            + "; unset the property or name a device that is there",
        lines.getFirst());
  }
}
