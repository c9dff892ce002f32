package io.kvarena.tier.disk;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * Tells a wrong key before it makes every page look corrupt: a tag over nothing, kept in the
 * manifest.
 */
record KeyCheck(byte[] key, byte[] fingerprint) {

  /** Nonce and tag. */
  byte[] make() {
    PageCipher cipher = new PageCipher(key);
    byte[] nonce = cipher.nonce();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment tag = arena.allocate(SlotDescriptor.TAG_BYTES);
      cipher.encrypt(nonce, fingerprint, MemorySegment.ofArray(new byte[0]), tag);
      byte[] check = Arrays.copyOf(nonce, ManifestDescriptor.KEY_CHECK_BYTES);
      MemorySegment.copy(
          tag, ValueLayout.JAVA_BYTE, 0, check, nonce.length, SlotDescriptor.TAG_BYTES);
      return check;
    }
  }

  boolean matches(byte[] check) {
    byte[] nonce = Arrays.copyOf(check, SlotDescriptor.NONCE_BYTES);
    MemorySegment tag =
        MemorySegment.ofArray(
            Arrays.copyOfRange(check, nonce.length, ManifestDescriptor.KEY_CHECK_BYTES));
    return new PageCipher(key).decrypt(nonce, fingerprint, tag, MemorySegment.ofArray(new byte[0]));
  }
}
