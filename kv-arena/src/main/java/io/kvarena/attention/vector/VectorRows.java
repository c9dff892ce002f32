package io.kvarena.attention.vector;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import io.kvarena.LayerShape;
import io.kvarena.attention.RawTile;
import io.kvarena.attention.RowKernel;
import io.kvarena.attention.ScalarRows;
import io.kvarena.format.Formats;
import io.kvarena.format.PageFormat;
import io.kvarena.format.PageLayout;
import io.kvarena.format.TileKind;
import io.kvarena.transform.TransformInstance;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import org.jspecify.annotations.Nullable;

/**
 * Rows with vectors; formats that are missing here are left to the specification.
 *
 * <p>A tile is encoded where it stands: {@link TileNumbers} takes the rows, {@link RowTransform}
 * transforms them, {@link GroupNumbers} or {@link LevelNumbers} find the scales and turn numbers
 * into steps, and {@link CodeWords} makes codes of these.
 */
final class VectorRows implements RowKernel {

  /** Numbers that {@link #isGood} looks at between two checks. */
  private static final int CHUNK = 4096;

  /** Channels that share a scale in ggml's formats. */
  private static final int GROUP = 32;

  /** Channels of values that share a scale in KIVI's. */
  private static final int KIVI_GROUP = 64;

  /** More than any row has. */
  private static final int ALL = 1 << 16;

  private static final LevelTable TURBO4 =
      new LevelTable(
          2.7320f, -127, -96, -75, -58, -44, -31, -18, -6, 6, 18, 31, 44, 58, 75, 96, 127);
  private static final LevelTable TURBO3 =
      new LevelTable(2.1518f, -127, -79, -45, -14, 14, 45, 79, 127);
  private static final LevelTable TURBO2 = new LevelTable(1.5103f, -127, -38, 38, 127);

  private final ScalarRows plain = new ScalarRows();
  private final TileNumbers tile = new TileNumbers();
  private final RowTransform transform = new RowTransform();
  private final GroupNumbers groups = new GroupNumbers();
  private final LevelNumbers levels = new LevelNumbers();
  private final CodeWords words = new CodeWords();
  private final GranuleWriter granules = new GranuleWriter();

  @Override
  public boolean isGood(MemorySegment numbers, long count, float largest) {
    long whole = count - count % Lanes.COUNT;
    boolean good = true;
    for (long from = 0; from < whole && good; from += CHUNK) {
      int length = (int) Math.min(CHUNK, whole - from);
      good = largestBits(numbers, 4 * from, length) <= Float.floatToRawIntBits(largest);
    }
    for (long i = whole; i < count; i++) {
      good &= Math.abs(numbers.get(JAVA_FLOAT_UNALIGNED, 4 * i)) <= largest;
    }
    return good;
  }

  /**
   * The bits of the largest magnitude: magnitudes are ordered as they are, and NaN is above all.
   */
  private static int largestBits(MemorySegment numbers, long at, int count) {
    IntVector largest = IntVector.zero(Lanes.INTS);
    for (int i = 0; i < count; i += Lanes.COUNT) {
      largest =
          largest.max(
              Lanes.floats(numbers, at + 4L * i).reinterpretAsInts().and(Integer.MAX_VALUE));
    }
    return largest.reduceLanes(VectorOperators.MAX);
  }

  @Override
  public void put(
      PageLayout layout,
      MemorySegment slab,
      long offset,
      int slot,
      int tokens,
      MemorySegment keys,
      long keysOffset,
      MemorySegment values,
      long valuesOffset) {
    if (layout.keys() != Formats.F16 || layout.values() != Formats.F16) {
      plain.put(layout, slab, offset, slot, tokens, keys, keysOffset, values, valuesOffset);
      return;
    }
    Objects.checkFromIndexSize(slot, tokens, RawTile.GRANULE);
    LayerShape layer = layout.layer();
    long keyStride = 4L * layer.kvHeads() * layer.keyDim();
    long valueStride = 4L * layer.kvHeads() * layer.valueDim();
    for (int head = 0; head < layout.heads(); head++) {
      long keyRow = keysOffset + 4L * head * layer.keyDim();
      long valueRow = valuesOffset + 4L * head * layer.valueDim();
      long keyTile = offset + layout.keyTileOffset(head);
      long valueTile = offset + layout.valueTileOffset(head);
      if (tokens == RawTile.GRANULE) {
        granules.allKeys(keys, keyRow, keyStride, layer.keyDim(), slab, keyTile);
      }
      for (int i = 0; i < tokens; i++) {
        if (tokens < RawTile.GRANULE) {
          GranuleWriter.keys(
              keys, keyRow + i * keyStride, 0, layer.keyDim(), slot + i, slab, keyTile);
        }
        GranuleWriter.values(
            values, valueRow + i * valueStride, layer.valueDim(), slot + i, slab, valueTile);
      }
    }
  }

  @Override
  public void seal(
      RawTile raw,
      PageFormat format,
      @Nullable TransformInstance transform,
      MemorySegment page,
      long offset) {
    Tile reader = Tile.of(format);
    if (reader == null || !isOurs(format) || raw.format() != Formats.F16) {
      plain.seal(raw, format, transform, page, offset);
      return;
    }
    boolean keys = raw.kind() == TileKind.KEYS;
    tile.load(raw);
    if (transform != null) {
      transform(raw, transform, format.magnitudeMax());
    }
    long numbers = offset + numbersOffset(reader.codes(), raw, format);
    if (format == Formats.Q4_0) {
      scale(keys, GROUP, -8, true, 8.5f);
      groups.writeScales(page, numbers);
      CodeWords.round(tile, 15);
      plane(4, 0, 8, page, offset);
    } else if (format == Formats.Q8_0 || format == Formats.INT8) {
      scale(keys, format == Formats.Q8_0 ? GROUP : ALL, 127, false, 0);
      groups.writeScales(page, numbers);
      CodeWords.roundToBytes(tile);
      plane(8, 0, 0, page, offset);
    } else if (format == Formats.KIVI4) {
      int size = keys ? ALL : KIVI_GROUP;
      tile.repeatLast();
      groups.rangesAlong(tile, size);
      groups.scaleByRange(15);
      groups.writeScales(page, numbers);
      groups.writeMinima(page, numbers);
      groups.subtractMinima(tile, size);
      groups.stepAlong(tile, size, 0.5f);
      CodeWords.round(tile, 15);
      plane(4, 0, 0, page, offset);
    } else if (format == Formats.TURBO4) {
      levels(keys, TURBO4, page, numbers);
      plane(4, 0, 0, page, offset);
    } else if (format == Formats.TURBO3) {
      levels(keys, TURBO3, page, numbers);
      long low = plane(2, 0, 0, page, offset);
      plane(1, 2, 0, page, offset + low);
    } else {
      levels(keys, TURBO2, page, numbers);
      plane(2, 0, 0, page, offset);
    }
  }

  /** Where a tile's scales start. */
  private static int numbersOffset(Codes codes, RawTile raw, PageFormat format) {
    // ggml's formats have those of values where keys have them.
    return raw.kind() == TileKind.KEYS || format == Formats.Q4_0 || format == Formats.Q8_0
        ? Scales.offset(codes.bytes(raw.channels(), raw.tokens()))
        : Scales.offset(codes.bytes(raw.tokens(), raw.channels()));
  }

  private static boolean isOurs(PageFormat format) {
    return format == Formats.Q4_0
        || format == Formats.Q8_0
        || format == Formats.INT8
        || format == Formats.KIVI4
        || format == Formats.TURBO4
        || format == Formats.TURBO3
        || format == Formats.TURBO2;
  }

  private void transform(RawTile raw, TransformInstance by, float largest) {
    transform.ofRows(by);
    if (raw.kind() == TileKind.KEYS) {
      transform.keys(tile, largest);
    } else {
      transform.values(tile, largest);
    }
    tile.clearDead(raw);
  }

  /** Turns numbers into steps of groups of {@code size} channels. */
  private void scale(boolean keys, int size, float divisor, boolean signed, float bias) {
    if (keys) {
      groups.largestDown(tile, size);
      groups.scaleByLargest(divisor, signed);
      groups.stepDown(tile, size, bias);
    } else {
      groups.largestAlong(tile, size);
      groups.scaleByLargest(divisor, signed);
      groups.stepAlong(tile, size, bias);
    }
  }

  private void levels(boolean keys, LevelTable table, MemorySegment page, long numbers) {
    if (keys) {
      levels.keys(tile, table);
    } else {
      levels.values(tile, table);
    }
    levels.write(page, numbers);
  }

  /** Writes a plane and returns its bytes. */
  private long plane(int bits, int from, int padding, MemorySegment page, long at) {
    words.plane(tile, bits, from, padding);
    return words.write(page, at);
  }

  @Override
  public void query(TransformInstance by, MemorySegment queries, long offset, int rows) {
    transform.ofQueries(by);
    load(queries, offset, rows, by.channels());
    transform.rows(tile);
    store(queries, offset);
  }

  @Override
  public void back(TransformInstance by, MemorySegment sums, long offset, int rows) {
    if (by.isBalanced()) {
      plain.back(by, sums, offset, rows);
    } else if (by.isRotated()) {
      transform.ofRows(by);
      load(sums, offset, rows, by.channels());
      transform.back(tile);
      store(sums, offset);
    }
  }

  private void load(MemorySegment from, long offset, int rows, int channels) {
    tile.start(rows, channels);
    for (int row = 0; row < rows; row++) {
      long at = offset + 4L * row * channels;
      MemorySegment.copy(from, JAVA_FLOAT_UNALIGNED, at, tile.of, row * tile.stride, channels);
    }
  }

  private void store(MemorySegment to, long offset) {
    int channels = tile.lanes;
    for (int row = 0; row < tile.elements; row++) {
      long at = offset + 4L * row * channels;
      MemorySegment.copy(tile.of, row * tile.stride, to, JAVA_FLOAT_UNALIGNED, at, channels);
    }
  }
}
