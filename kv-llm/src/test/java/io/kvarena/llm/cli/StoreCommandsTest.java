package io.kvarena.llm.cli;

import static io.kvarena.llm.cli.CommandRun.run;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kvarena.llm.Reference;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commands that keep something on disk. */
class StoreCommandsTest {

  @TempDir private Path directory;

  @AfterEach
  void restore() {
    CommandRun.restoreStreams();
  }

  private String store() {
    return directory.resolve("store").toString();
  }

  private CommandRun chat(String session, String prompt) {
    return run(
        "chat",
        "--session",
        session,
        "--store",
        store(),
        "--prompt",
        prompt,
        "--tokens",
        "20",
        "--json");
  }

  @Test
  void chat_goesOnAfterARestart_asIfItHadNeverStopped() {
    CommandRun first = chat("one", "The old man walked down to the river");
    assertEquals(0, first.code(), first.err());
    assertEquals(0, first.json().get("restoredTokens").getAsInt());
    CommandRun second = chat("one", " and then he");
    assertEquals(0, second.code(), second.err());
    int kept = first.json().get("tokens").getAsInt();
    assertEquals(kept, second.json().get("restoredTokens").getAsInt());
    assertTrue(
        second.err().startsWith("session one: " + kept + " tokens restored in "), second.err());
    // The same text in one go.
    String whole =
        "The old man walked down to the river"
            + first.json().get("text").getAsString()
            + " and then he";
    CommandRun again = chat("two", whole);
    assertEquals(second.json().get("text"), again.json().get("text"));
    CommandRun inspected = run("inspect", store(), "--json");
    assertEquals(0, inspected.code(), inspected.err());
    assertTrue(inspected.json().get("records").getAsJsonObject().has("session/one"));
    CommandRun verified = run("verify", store(), "--json");
    assertEquals(0, verified.code(), verified.err());
    assertTrue(verified.json().get("pages").getAsInt() > 0);
    assertEquals(0, verified.json().get("dropped").getAsInt());
    CommandRun dropped = run("chat", "--session", "one", "--store", store(), "--drop");
    assertEquals(0, dropped.code(), dropped.err());
    assertEquals(0, chat("one", "Once").json().get("restoredTokens").getAsInt());
  }

  @Test
  void verify_ofADamagedStore_dropsWhatIsInDoubtAndChatBeginsAnew() throws IOException {
    chat("one", "The old man walked down to the river");
    try (var files = Files.walk(directory)) {
      for (Path file : files.filter(path -> path.toString().contains("pages-")).toList()) {
        byte[] bytes = Files.readAllBytes(file);
        for (int at = 8192; at < bytes.length; at += 4096) {
          bytes[at + 700] ^= 1;
        }
        Files.write(file, bytes);
      }
    }
    CommandRun verified = run("verify", store(), "--json");
    assertEquals(1, verified.code(), verified.err());
    assertTrue(verified.json().get("dropped").getAsInt() > 0);
    CommandRun next = chat("one", "Once");
    assertEquals(0, next.code(), next.err());
    assertEquals(0, next.json().get("restoredTokens").getAsInt());
  }

  @Test
  void generate_withAStore_findsThePromptOfTheLastRunAndSaysTheSame() {
    int[] ids = Arrays.copyOf(Reference.load().windows().get(0).ids(), 300);
    String prompt = Arrays.stream(ids).mapToObj(Integer::toString).collect(Collectors.joining(","));
    String[] command = {
      "generate", "--prompt-ids", prompt, "--tokens", "12", "--store", store(), "--json"
    };
    CommandRun first = run(command);
    assertEquals(0, first.code(), first.err());
    assertEquals(0, first.json().get("foundTokens").getAsInt());
    CommandRun second = run(command);
    assertEquals(288, second.json().get("foundTokens").getAsInt());
    assertEquals(first.json().get("generatedIds"), second.json().get("generatedIds"));
    String[] little = Arrays.copyOf(command, command.length + 4);
    System.arraycopy(
        new String[] {"--memory", "400k", "--keys", "q8_0"}, 0, little, command.length, 4);
    CommandRun small = run(little);
    assertEquals(0, small.code(), small.err());
    assertEquals(first.json().get("generatedIds"), small.json().get("generatedIds"));
  }

  @Test
  void store_usedWrongly_saysWhatToDo() {
    CommandRun none = run("chat", "--session", "one", "--prompt", "x");
    assertEquals(2, none.code());
    assertEquals("kv chat: pages need a place to go; name a directory with --store\n", none.err());
    assertEquals(
        "kv generate: pages need a place to go; name a directory with --store\n",
        run("generate", "--prompt", "x", "--memory", "1m").err());
    CommandRun size = run("chat", "--session", "one", "--store", store(), "--disk", "ten");
    assertEquals(2, size.code());
    assertTrue(
        size.err().contains("not a size: size=ten; write 750k, 64m or 10g, for example"),
        size.err());
    CommandRun name = chat("../one", "x");
    assertEquals(1, name.code());
    assertTrue(
        name.err().contains("not a session's name: session=../one; use 1 to 100"), name.err());
    CommandRun missing = run("verify", directory.resolve("nowhere").toString());
    assertEquals(2, missing.code());
    assertTrue(missing.err().startsWith("kv verify: no such directory: store="), missing.err());
    chat("one", "Once");
    CommandRun other =
        run("chat", "--session", "one", "--store", store(), "--keys", "q4_0", "--prompt", "x");
    assertEquals(1, other.code());
    assertTrue(other.err().contains("pages of another model, layout or format"), other.err());
  }
}
