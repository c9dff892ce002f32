package io.kvarena.store;

import io.kvarena.format.PageLayout;
import io.kvarena.transform.TransformInstance;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What must be the same for pages to mean the same: the model, its geometry with RoPE and scales,
 * the layouts and formats of pages and tails, and the transforms. SHA-256 over their text and
 * numbers.
 */
final class Fingerprint {

  /** Bytes of a fingerprint. */
  static final int BYTES = 32;

  private final MessageDigest digest;

  private Fingerprint() {
    digest = sha256();
  }

  static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException impossible) {
      throw new AssertionError("every Java has SHA-256", impossible);
    }
  }

  static byte[] of(String model, List<LayerPlan> plans) {
    Fingerprint fingerprint = new Fingerprint();
    fingerprint.add("kv-arena 1");
    fingerprint.add(model);
    for (LayerPlan plan : plans) {
      fingerprint.add(plan.shape().toString());
      fingerprint.add(plan.page());
      fingerprint.add(plan.pinned());
      fingerprint.add(plan.granule());
      fingerprint.add(plan.pinnedPages() + "," + plan.recentPages());
      fingerprint.add(plan.transforms().keys().toString());
      for (TransformInstance instance : plan.transforms().keyInstances()) {
        fingerprint.add(instance);
      }
      fingerprint.add(plan.transforms().values());
    }
    return fingerprint.digest.digest();
  }

  private void add(PageLayout layout) {
    add(layout.toString());
    add(layout.keys().name() + "," + layout.values().name() + "," + layout.pageBytes());
  }

  private void add(@Nullable TransformInstance instance) {
    if (instance == null) {
      add("plain");
      return;
    }
    ByteBuffer numbers = ByteBuffer.allocate(12 * instance.channels());
    for (int i = 0; i < instance.channels(); i++) {
      numbers.putFloat(instance.mean(i)).putFloat(instance.weight(i)).putFloat(instance.sign(i));
    }
    digest.update(numbers.flip());
  }

  /** Adds a text with its length, so that no two lists of texts are the same bytes. */
  private void add(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    digest.update(ByteBuffer.allocate(4).putInt(bytes.length).flip());
    digest.update(bytes);
  }
}
