package io.kvarena.store;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.kvarena.OpenRequest.Extra;
import io.kvarena.tier.PageKey;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The examples of docs/prefix-keys.md: made with another language's SHA-256 from its table. */
class ChunkKeysTest {

  private static byte[] fingerprint() {
    byte[] fingerprint = new byte[Fingerprint.BYTES];
    for (int i = 0; i < fingerprint.length; i++) {
      fingerprint[i] = (byte) i;
    }
    return fingerprint;
  }

  @Test
  void keys_areThoseOfTheDocumentedHash() {
    ChunkKeys keys = new ChunkKeys();
    List<Extra> extras = List.of(new Extra(0, 3, "before"), new Extra(6, 20, "image 1"));
    PageKey root = keys.root(fingerprint(), "alice", "lora-ü");
    assertEquals("691eec7e07182204af76231d5799e3df", root.toString());
    int[] tokens = {1, 2, 3, 70000, 5, -1, 7, 8};
    PageKey first = keys.chunk(root, tokens, 0, 4, List.of());
    assertEquals("b532391d9da08b0aa3c0dd106bfe5528", first.toString());
    PageKey second = keys.chunk(first, tokens, 4, 8, extras);
    assertEquals("3ee9b33133e61e26bec613dd080f0421", second.toString());
    assertEquals("7ab1e041372314e651092eab2cb21e5a", keys.page(second, 3).toString());
  }
}
