package io.kvarena.attention;

import io.kvarena.format.PageLayout;
import io.kvarena.format.RawFormat;
import io.kvarena.format.TileKind;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * The raw rows of one head of a page: where the tiles of its granules lie, and which rows live.
 * Filled by the store and used again and again.
 */
public final class RawTile {

  /** Tokens of a granule. */
  public static final int GRANULE = PageLayout.GRANULE_TOKENS;

  private final MemorySegment[] slabs =
      new MemorySegment[PageLayout.TOKENS_MAX / PageLayout.GRANULE_TOKENS];
  private final long[] offsets = new long[slabs.length];
  private TileKind kind = TileKind.KEYS;
  private RawFormat format;
  private int tokens;
  private int channels;
  private long live;
  private float[] granule = {};

  /**
   * @param format of the granules' tiles, until {@link #start} says otherwise
   */
  public RawTile(RawFormat format) {
    this.format = format;
  }

  /**
   * Begins a tile whose granules are all missing.
   *
   * @param tokens of the page
   * @param live bit s set: the row of slot s lives
   */
  public void start(TileKind kind, RawFormat format, int tokens, int channels, long live) {
    this.kind = kind;
    this.format = format;
    this.tokens = tokens;
    this.channels = channels;
    this.live = live;
    Arrays.fill(slabs, MemorySegment.NULL);
  }

  /** Sets where the tile of a granule lies, counted from the page's first. */
  public void granule(int index, MemorySegment slab, long offset) {
    slabs[index] = slab;
    offsets[index] = offset;
  }

  public TileKind kind() {
    return kind;
  }

  /** Format of the granules' tiles. */
  public RawFormat format() {
    return format;
  }

  /** Tokens of the page. */
  public int tokens() {
    return tokens;
  }

  public int channels() {
    return channels;
  }

  /** Bit s set: the row of slot s lives. */
  public long live() {
    return live;
  }

  /** Whether a granule is there; one of which no row lives need not be. */
  public boolean has(int index) {
    return slabs[index].byteSize() > 0;
  }

  /** The slab that holds a granule's tile. */
  public MemorySegment slab(int index) {
    return slabs[index];
  }

  /** Where in its slab a granule's tile starts. */
  public long offset(int index) {
    return offsets[index];
  }

  /** Decodes the rows into {@code rows}, f32 [tokens][channels]; those that do not live are 0. */
  public void decode(float[] rows) {
    if (granule.length < GRANULE * channels) {
      granule = new float[GRANULE * channels];
    }
    for (int index = 0; index < tokens / GRANULE; index++) {
      int from = index * GRANULE * channels;
      if (!has(index)) {
        Arrays.fill(rows, from, from + GRANULE * channels, 0f);
        continue;
      }
      format.decode(kind, slabs[index], offsets[index], GRANULE, channels, granule);
      System.arraycopy(granule, 0, rows, from, GRANULE * channels);
    }
    for (int slot = 0; slot < tokens; slot++) {
      if ((live >>> slot & 1) == 0) {
        Arrays.fill(rows, slot * channels, (slot + 1) * channels, 0f);
      }
    }
  }
}
