package io.kvarena.format;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class GgmlBlocksTest {

  private static final int TOKENS = 16;
  private static final int CHANNELS = 96;

  /** The formats that ggml has, too. */
  private static final List<PageFormat> GGML =
      List.of(Formats.F32, Formats.F16, Formats.BF16, Formats.Q8_0, Formats.Q4_0);

  private static float[] rows(long seed) {
    Random random = new Random(seed);
    float[] rows = new float[TOKENS * CHANNELS];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = (float) random.nextGaussian() * (i % 7 == 0 ? 30 : 1);
    }
    return rows;
  }

  private static MemorySegment tile(PageFormat format, TileKind kind, float[] rows) {
    MemorySegment tile =
        MemorySegment.ofArray(new byte[(int) format.tileBytes(kind, TOKENS, CHANNELS)]);
    format.encode(kind, rows, TOKENS, CHANNELS, tile, 0);
    return tile;
  }

  /** Decodes ggml rows as its block structures define them, apart from the library's own code. */
  private static float[] decodeGgml(PageFormat format, byte[] bytes) {
    ByteBuffer in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    float[] rows = new float[TOKENS * CHANNELS];
    for (int at = 0; at < rows.length; ) {
      switch (format.name()) {
        case "f32" -> rows[at++] = in.getFloat();
        case "f16" -> rows[at++] = Float.float16ToFloat(in.getShort());
        case "bf16" -> rows[at++] = Float.intBitsToFloat(in.getShort() << 16);
        case "q8_0" -> {
          float scale = Float.float16ToFloat(in.getShort());
          for (int i = 0; i < 32; i++) {
            rows[at++] = scale * in.get();
          }
        }
        default -> {
          float scale = Float.float16ToFloat(in.getShort());
          for (int i = 0; i < 16; i++) {
            int pair = in.get() & 0xff;
            rows[at + i] = scale * ((pair & 15) - 8);
            rows[at + i + 16] = scale * ((pair >> 4) - 8);
          }
          at += 32;
        }
      }
    }
    return rows;
  }

  @Test
  void export_ofEveryFormat_decodesToTheSameValues() {
    for (PageFormat format : GGML) {
      for (TileKind kind : TileKind.values()) {
        MemorySegment tile = tile(format, kind, rows(1));
        byte[] out = new byte[(int) (TOKENS * GgmlBlocks.rowBytes(format, CHANNELS))];
        GgmlBlocks.export(format, kind, tile, 0, TOKENS, CHANNELS, MemorySegment.ofArray(out), 0);
        float[] decoded = new float[TOKENS * CHANNELS];
        format.decode(kind, tile, 0, TOKENS, CHANNELS, decoded);
        assertArrayEquals(decoded, decodeGgml(format, out), format + " " + kind);
      }
    }
  }

  @Test
  void importRows_ofAnExport_givesTheSameTile() {
    for (PageFormat format : GGML) {
      for (TileKind kind : TileKind.values()) {
        MemorySegment tile = tile(format, kind, rows(2));
        MemorySegment out =
            MemorySegment.ofArray(new byte[(int) (TOKENS * GgmlBlocks.rowBytes(format, CHANNELS))]);
        GgmlBlocks.export(format, kind, tile, 0, TOKENS, CHANNELS, out, 0);
        MemorySegment back = MemorySegment.ofArray(new byte[(int) tile.byteSize()]);
        GgmlBlocks.importRows(format, kind, out, 0, TOKENS, CHANNELS, back, 0);
        assertEquals(-1, tile.mismatch(back), format + " " + kind);
      }
    }
  }

  @Test
  void rowBytes_ofAFormatThatGgmlLacks_isRefused() {
    for (PageFormat format : Formats.all()) {
      if (!GGML.contains(format)) {
        assertEquals(
            "ggml has no such block: format=" + format + "; use f32 f16 bf16 q8_0 q4_0",
            assertThrows(
                    IllegalArgumentException.class, () -> GgmlBlocks.rowBytes(format, CHANNELS))
                .getMessage());
      }
    }
  }

  @Test
  void rowBytes_ofAShortGroup_isRefused() {
    IllegalArgumentException refused =
        assertThrows(IllegalArgumentException.class, () -> GgmlBlocks.rowBytes(Formats.Q8_0, 80));
    assertEquals(
        "ggml's blocks hold 32 channels: channels=80, format=q8_0; decode and convert the rows as"
            + " f32 instead",
        refused.getMessage());
  }
}
