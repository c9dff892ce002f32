package io.kvarena.tier.disk;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import javax.crypto.AEADBadTagException;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/**
 * AES-256-GCM of single pages under the caller's key, each write with a random nonce of 96 bits: a
 * key is good for 2^32 writes.
 */
final class PageCipher {
  static final int KEY_BYTES = 32;

  private final SecretKeySpec key;
  private final SecureRandom random = new SecureRandom();

  // a cipher costs more to make than to set up for a page
  private final ConcurrentLinkedQueue<Cipher> idle = new ConcurrentLinkedQueue<>();

  PageCipher(byte[] key) {
    this.key = new SecretKeySpec(key, "AES");
  }

  byte[] nonce() {
    byte[] nonce = new byte[SlotDescriptor.NONCE_BYTES];
    random.nextBytes(nonce);
    return nonce;
  }

  /** Writes cipher text and tag. */
  void encrypt(byte[] nonce, byte[] authenticated, MemorySegment plain, MemorySegment sealed) {
    try {
      run(Cipher.ENCRYPT_MODE, nonce, authenticated, plain, sealed);
    } catch (AEADBadTagException e) {
      throw new AssertionError(e);
    }
  }

  /** Writes the plain text; false if key, nonce, header or cipher text are not what was written. */
  boolean decrypt(byte[] nonce, byte[] authenticated, MemorySegment sealed, MemorySegment plain) {
    try {
      run(Cipher.DECRYPT_MODE, nonce, authenticated, sealed, plain);
      return true;
    } catch (AEADBadTagException e) {
      return false;
    }
  }

  private void run(
      int mode, byte[] nonce, byte[] authenticated, MemorySegment from, MemorySegment to)
      throws AEADBadTagException {
    try {
      Cipher cipher = idle.poll();
      if (cipher == null) {
        cipher = Cipher.getInstance("AES/GCM/NoPadding");
      }
      cipher.init(mode, key, new GCMParameterSpec(8 * SlotDescriptor.TAG_BYTES, nonce));
      cipher.updateAAD(authenticated);
      ByteBuffer target = to.asByteBuffer();
      cipher.doFinal(from.asByteBuffer(), target);
      idle.add(cipher);
    } catch (AEADBadTagException e) {
      throw e;
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("no AES-256-GCM in this JVM: " + e.getMessage(), e);
    }
  }
}
