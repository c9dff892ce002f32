package io.kvarena.opencl;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** What a person should know about OpenCL on this machine, with a cure for what is missing. */
public final class ClDoctor {

  private ClDoctor() {}

  /**
   * A line of the report.
   *
   * @param subject what it is about: {@code OpenCL}, or a device by its name
   * @param green whether all is as it should be
   * @param text what was found
   * @param cure what to do; empty if nothing
   */
  public record Line(String subject, boolean green, String text, String cure) {}

  /**
   * A line for every device, that which serves first, or one line that says why there is none. Asks
   * each device whether it works in place, which compiles a program.
   */
  public static List<Line> report() {
    List<Line> lines = new ArrayList<>();
    Optional<String> problem = ClDevices.problem();
    if (problem.isPresent()) {
      int way = problem.get().indexOf("; ");
      lines.add(
          new Line(
              "OpenCL", false, problem.get().substring(0, way), problem.get().substring(way + 2)));
    }
    for (ClDevice device : ClDevices.all()) {
      lines.add(examine(device));
    }
    return lines;
  }

  private static Line examine(ClDevice device) {
    String text = device.describe() + ", " + device.version();
    if (ClTuning.isStored(device)) {
      text += ", tuned: " + ClTuning.of(device);
    }
    if (!device.compiles()) {
      return new Line(
          device.name(), false, text + ", no compiler", "install the whole driver of this device");
    }
    try {
      InPlaceProbe.Verdict verdict = ClContext.of(device).verdict();
      return verdict.inPlace()
          ? new Line(device.name(), true, text + ", in place: " + verdict.reason(), "")
          : new Line(
              device.name(),
              false,
              text + ", on copies of the pages: " + verdict.reason(),
              "choose a device that shares memory with the host: -D"
                  + ClDevices.PROPERTY
                  + "=<part of its name>");
    } catch (ClException failed) {
      return new Line(device.name(), false, text + ", " + failed.getMessage(), Cl.FALL_BACK);
    }
  }
}
