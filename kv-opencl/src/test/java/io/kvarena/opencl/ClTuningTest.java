package io.kvarena.opencl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.kvarena.format.Formats;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ClTuningTest {

  @TempDir private Path folder;

  @Test
  void read_ofWhatWasWritten_isTheSame() throws IOException {
    ClTuning tuning = new ClTuning(512, 32, 64, 128);
    Path file = folder.resolve("sub").resolve("tuning.properties");
    tuning.write(file, "a device");
    assertEquals(tuning, ClTuning.read(file));
  }

  @Test
  void read_ofWhatMakesNoSense_isTheDefault() throws IOException {
    Path file = folder.resolve("tuning.properties");
    for (String content :
        List.of(
            "",
            "splitTokens=512",
            stored("many", "16", "32", "64"),
            stored("1000", "16", "32", "64"),
            stored("1024", "1000000", "32", "64"),
            stored("-1", "16", "32", "64"),
            stored("1024", "16", "0", "64"),
            stored("1024", "16", "32", "65"),
            "\\u00zz")) {
      Files.writeString(file, content);
      assertEquals(ClTuning.DEFAULT, ClTuning.read(file), content);
    }
  }

  private static String stored(String split, String block, String from, String rows) {
    return "splitTokens=%s\nblockRows=%s\nprefillFrom=%s\nprefillRows=%s"
        .formatted(split, block, from, rows);
  }

  @Test
  void tuning_outOfBounds_isRefusedWithThem() {
    assertEquals(
        "no such tuning: splitTokens=1000; give a power of two from 128 to 16384",
        assertThrows(IllegalArgumentException.class, () -> new ClTuning(1000, 16)).getMessage());
  }

  @Test
  @NeedsOpenCl
  void fold_underAnyTuning_isNearDoubleArithmeticAndBlockRowsChangeNoBit() {
    ClDevice device = ClDevices.all().getFirst();
    for (ClShape shape : ClShape.values()) {
      for (int seed = 0; seed < 3; seed++) {
        FoldCase drawn = ClKernelTest.draw(Formats.Q8_0, Formats.Q4_0, seed);
        ClKernelTest.scatter(drawn);
        ClKernelTest.assertNear(
            drawn, drawn.fold(new ClKernel(device, shape, new ClTuning(128, 16))));
        ClKernelTest.assertSameBits(
            drawn.fold(new ClKernel(device, shape, new ClTuning(512, 4))),
            drawn.fold(new ClKernel(device, shape, new ClTuning(512, 64))));
      }
    }
  }
}
