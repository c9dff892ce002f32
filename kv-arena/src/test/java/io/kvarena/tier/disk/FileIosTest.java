package io.kvarena.tier.disk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.kvarena.tier.FileIo;
import io.kvarena.tier.FileIoProvider;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class FileIosTest {

  private record Way(String name, int rank, @Nullable String whyNot) implements FileIoProvider {
    @Override
    public FileIo open() {
      return new ChannelIo();
    }
  }

  private static final List<FileIoProvider> WAYS =
      List.of(
          new Way("fast", 2, "it is not built; build it"),
          new Way("good", 1, null),
          new Way("plain", 0, null));

  @Test
  void choose_unlessForced_takesTheFirstThatIsUsable() {
    assertEquals("good", FileIos.choose(null, WAYS).name());
    assertEquals("plain", FileIos.choose("plain", WAYS).name());
  }

  @Test
  void choose_forcedToWhatIsNotUsable_saysWhyAndTheWayOut() {
    assertEquals(
        "I/O not usable here: name=fast; it is not built; build it",
        assertThrows(IllegalArgumentException.class, () -> FileIos.choose("fast", WAYS))
            .getMessage());
    assertEquals(
        "no such I/O: name=slow; use one of fast good plain",
        assertThrows(IllegalArgumentException.class, () -> FileIos.choose("slow", WAYS))
            .getMessage());
  }

  @Test
  void providers_withNothingElseThere_areChannels() {
    assertEquals(
        List.of("channel"), FileIos.providers().stream().map(FileIoProvider::name).toList());
    try (FileIo best = FileIos.best()) {
      assertEquals("channel", best.name());
    }
  }
}
