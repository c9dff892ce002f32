package io.kvarena.store;

import io.kvarena.OpenRequest;
import io.kvarena.tier.PageKey;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.DigestException;
import java.security.MessageDigest;
import java.util.List;

/**
 * Names of chunks by content: SHA-256, cut to 128 bits, chained from chunk to chunk.
 *
 * <pre>
 * root  = H("kvr1" | fingerprint | length of tenant, tenant | length of adapter, adapter)
 * chunk = H("kvc1" | key of the chunk before, or root | count, tokens | for each extra that meets
 *           the chunk's positions: from, to, length of content, content)
 * page  = H("kvp1" | key of the chunk | number of the lane)
 * </pre>
 *
 * Numbers are 32 bits, little-endian; texts are UTF-8 with their length in bytes; a key is its high
 * and its low half, each little-endian. The first 8 bytes of the hash are the high half of a key.
 * Not for use by many threads.
 */
final class ChunkKeys {

  private static final int ROOT = 0x3172766b;
  private static final int CHUNK = 0x3163766b;
  private static final int PAGE = 0x3170766b;

  private final MessageDigest sha256 = Fingerprint.sha256();
  private final byte[] hash = new byte[Fingerprint.BYTES];
  private final ByteBuffer halves = ByteBuffer.wrap(hash).order(ByteOrder.LITTLE_ENDIAN);
  private ByteBuffer input = ByteBuffer.allocate(1024).order(ByteOrder.LITTLE_ENDIAN);

  PageKey root(byte[] fingerprint, String tenant, String adapter) {
    begin(ROOT);
    room(fingerprint.length).put(fingerprint);
    add(tenant);
    add(adapter);
    return end();
  }

  /** The key of the chunk of tokens [from, to) behind {@code before}. */
  PageKey chunk(PageKey before, int[] tokens, int from, int to, List<OpenRequest.Extra> extras) {
    begin(CHUNK);
    add(before);
    room(4).putInt(to - from);
    for (int i = from; i < to; i++) {
      room(4).putInt(tokens[i]);
    }
    for (OpenRequest.Extra extra : extras) {
      if (extra.from() < to && extra.to() > from) {
        room(8).putInt(extra.from()).putInt(extra.to());
        add(extra.content());
      }
    }
    return end();
  }

  PageKey page(PageKey chunk, int lane) {
    begin(PAGE);
    add(chunk);
    room(4).putInt(lane);
    return end();
  }

  private void begin(int kind) {
    input.clear();
    input.putInt(kind);
  }

  private void add(PageKey key) {
    room(16).putLong(key.high()).putLong(key.low());
  }

  private void add(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    room(4 + bytes.length).putInt(bytes.length).put(bytes);
  }

  private ByteBuffer room(int bytes) {
    if (input.remaining() < bytes) {
      ByteBuffer larger =
          ByteBuffer.allocate(2 * (input.position() + bytes)).order(ByteOrder.LITTLE_ENDIAN);
      input = larger.put(input.flip());
    }
    return input;
  }

  private PageKey end() {
    sha256.update(input.array(), 0, input.position());
    try {
      sha256.digest(hash, 0, hash.length);
    } catch (DigestException impossible) {
      throw new AssertionError(impossible);
    }
    return new PageKey(halves.getLong(0), halves.getLong(8));
  }
}
