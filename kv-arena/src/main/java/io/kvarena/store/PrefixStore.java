package io.kvarena.store;

import io.kvarena.memory.PageArena;
import io.kvarena.memory.PageId;
import io.kvarena.tier.DurableTier;
import io.kvarena.tier.PageKey;
import io.kvarena.tier.PageTransfer;
import io.kvarena.transform.TransformInstance;
import io.kvarena.transform.TransformSpec;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Chunks in the durable tier: a record for each, which names its tokens and what it is chained to,
 * and its pages under keys that follow from its own. Guarded by the index.
 *
 * <pre>
 * magic "kvp1" | fingerprint 32 bytes | root of the tenant | name of the tenant | ordinal
 * | key of the chunk before, 0 if it is the first | tokens | lanes: (crc32c, heads: (µ, w))
 * </pre>
 */
final class PrefixStore {

  private static final String PREFIX = "prefix/";
  private static final byte KIND = 'P';
  private static final int MAGIC = 0x6b767031;
  private static final PageKey NO_KEY = new PageKey(0, 0);

  /** A chunk as it was found, not yet linked. */
  record Found(
      PageKey key,
      PageKey root,
      String tenant,
      int ordinal,
      PageKey parent,
      int[] tokens,
      int[] crcs,
      TransformInstance[][] instances) {}

  private final HostCache cache;
  private final PageArena arena;
  private final DurableTier tier;
  private final byte[] about;
  private final List<LayerPlan> planOfLane = new ArrayList<>();
  private final ChunkKeys keys = new ChunkKeys();

  PrefixStore(HostCache cache, DurableTier tier) {
    this.cache = cache;
    this.tier = tier;
    arena = cache.arena();
    about = new byte[1 + Fingerprint.BYTES];
    about[0] = KIND;
    System.arraycopy(cache.fingerprint(), 0, about, 1, Fingerprint.BYTES);
    for (LayerPlan plan : cache.plans()) {
      for (int lane = 0; lane < plan.lanes(); lane++) {
        planOfLane.add(plan);
      }
    }
  }

  private static String name(PageKey key) {
    return PREFIX + key;
  }

  // ---- out ----

  /** Copies the pages of a chunk to the tier; throws TierException with nothing copied. */
  void save(Chunk chunk, int ordinal) {
    long[] pages = chunk.pages;
    if (pages == null || chunk.crcs != null) {
      return;
    }
    int[] crcs = new int[pages.length];
    List<PageTransfer> batch = new ArrayList<>();
    try (PageReader reader = new PageReader(cache)) {
      for (int lane = 0; lane < pages.length; lane++) {
        MemorySegment bytes = reader.bytes(pages[lane]);
        PageTransfer page = PageTransfer.of(keys.page(chunk.key, lane), about, bytes);
        crcs[lane] = page.crc32c();
        batch.add(page);
      }
      tier.store(batch);
    }
    boolean noted = false;
    try {
      tier.put(name(chunk.key), encode(chunk, ordinal, crcs));
      noted = true;
    } finally {
      if (!noted) {
        tier.free(batch.stream().map(PageTransfer::key).toList());
      }
    }
    chunk.crcs = crcs;
  }

  private byte[] encode(Chunk chunk, int ordinal, int[] crcs) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      out.writeInt(MAGIC);
      out.write(cache.fingerprint());
      write(chunk.tenant.root, out);
      out.writeUTF(chunk.tenant.name);
      out.writeInt(ordinal);
      Chunk parent = chunk.parent;
      write(parent == null ? NO_KEY : parent.key, out);
      out.writeInt(chunk.tokens.length);
      for (int token : chunk.tokens) {
        out.writeInt(token);
      }
      for (int lane = 0; lane < crcs.length; lane++) {
        out.writeInt(crcs[lane]);
        out.writeInt(chunk.instances[lane].length);
        for (TransformInstance instance : chunk.instances[lane]) {
          write(instance.means(), out);
          write(instance.weights(), out);
        }
      }
    } catch (IOException impossible) {
      throw new UncheckedIOException(impossible);
    }
    return bytes.toByteArray();
  }

  private static void write(PageKey key, DataOutputStream out) throws IOException {
    out.writeLong(key.high());
    out.writeLong(key.low());
  }

  private static void write(float[] numbers, DataOutputStream out) throws IOException {
    out.writeInt(numbers.length);
    for (float number : numbers) {
      out.writeFloat(number);
    }
  }

  void sync() {
    tier.sync();
  }

  // ---- back ----

  /**
   * Reads the pages of a chunk into the arena; null when there is no room. Throws
   * CorruptPageException where one is not as it was stored.
   */
  long @Nullable [] load(Chunk chunk, int ordinal) {
    int[] crcs = chunk.crcs;
    if (crcs == null) {
      return null;
    }
    long[] pages = new long[crcs.length];
    boolean complete = false;
    try {
      List<PageTransfer> batch = new ArrayList<>();
      for (int lane = 0; lane < pages.length; lane++) {
        LayerPlan plan = planOfLane.get(lane);
        pages[lane] = cache.pool(plan.pool(ordinal)).acquire();
        if (pages[lane] == PageId.NONE) {
          return null;
        }
        long bytes = arena.pageBytes(pages[lane]);
        MemorySegment to = arena.slab(pages[lane]).asSlice(arena.offset(pages[lane]), bytes);
        batch.add(new PageTransfer(keys.page(chunk.key, lane), about, to, crcs[lane]));
      }
      tier.load(batch);
      complete = true;
      return pages;
    } finally {
      for (int lane = 0; lane < pages.length && !complete; lane++) {
        if (pages[lane] != PageId.NONE) {
          arena.release(pages[lane]);
        }
      }
    }
  }

  /** Drops a chunk from the tier. */
  void drop(Chunk chunk) {
    int[] crcs = chunk.crcs;
    if (crcs == null) {
      return;
    }
    chunk.crcs = null;
    drop(chunk.key, crcs.length);
  }

  private void drop(PageKey key, int lanes) {
    tier.remove(name(key));
    List<PageKey> pages = new ArrayList<>();
    for (int lane = 0; lane < lanes; lane++) {
      pages.add(keys.page(key, lane));
    }
    tier.free(pages);
  }

  /**
   * What a cache of this kind has left, and nothing else: the rest is freed. First chunks first.
   */
  List<Found> recover() {
    List<Found> all = new ArrayList<>();
    Set<PageKey> named = new HashSet<>();
    for (String record : tier.records()) {
      if (!record.startsWith(PREFIX)) {
        continue;
      }
      Found found = decode(record);
      if (found == null) {
        tier.remove(record);
        continue;
      }
      all.add(found);
      for (int lane = 0; lane < planOfLane.size(); lane++) {
        named.add(keys.page(found.key, lane));
      }
    }
    List<PageKey> left = new ArrayList<>();
    tier.pages(
        (key, of, bytes, crc32c) -> {
          if (of.length > 0 && of[0] == KIND && !named.contains(key)) {
            left.add(key);
          }
        });
    tier.free(left);
    all.sort((one, other) -> Integer.compare(one.ordinal, other.ordinal));
    return all;
  }

  /** Drops what was found and cannot be linked. */
  void drop(Found found) {
    drop(found.key, planOfLane.size());
  }

  private @Nullable Found decode(String record) {
    byte[] bytes = tier.record(record).orElse(new byte[0]);
    try {
      DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes));
      if (in.readInt() != MAGIC
          || !Arrays.equals(in.readNBytes(Fingerprint.BYTES), cache.fingerprint())) {
        return null;
      }
      PageKey root = new PageKey(in.readLong(), in.readLong());
      String tenant = in.readUTF();
      int ordinal = in.readInt();
      PageKey parent = new PageKey(in.readLong(), in.readLong());
      int[] tokens = new int[LaneRecord.count(in)];
      for (int i = 0; i < tokens.length; i++) {
        tokens[i] = in.readInt();
      }
      int[] crcs = new int[planOfLane.size()];
      TransformInstance[][] instances = new TransformInstance[crcs.length][];
      for (int lane = 0; lane < crcs.length; lane++) {
        crcs[lane] = in.readInt();
        instances[lane] = new TransformInstance[LaneRecord.count(in)];
        TransformSpec spec = planOfLane.get(lane).transforms().keys();
        int keyDim = planOfLane.get(lane).shape().keyDim();
        for (int head = 0; head < instances[lane].length; head++) {
          instances[lane][head] = spec.instance(floats(in), floats(in), keyDim);
        }
      }
      long high = Long.parseUnsignedLong(record, PREFIX.length(), PREFIX.length() + 16, 16);
      long low = Long.parseUnsignedLong(record, PREFIX.length() + 16, record.length(), 16);
      return new Found(
          new PageKey(high, low), root, tenant, ordinal, parent, tokens, crcs, instances);
    } catch (IOException | IllegalArgumentException | IndexOutOfBoundsException bad) {
      return null;
    }
  }

  private static float[] floats(DataInputStream in) throws IOException {
    float[] numbers = new float[LaneRecord.count(in)];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = in.readFloat();
    }
    return numbers;
  }

  boolean isFirst(Found found) {
    return found.parent.equals(NO_KEY);
  }
}
