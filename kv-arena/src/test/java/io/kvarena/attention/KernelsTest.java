package io.kvarena.attention;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kvarena.KvCache;
import io.kvarena.KvCacheBuilder;
import io.kvarena.KvShape;
import io.kvarena.LayerShape;
import io.kvarena.Rope;
import io.kvarena.format.Formats;
import io.kvarena.format.PageFormat;
import io.kvarena.format.PageLayout;
import io.kvarena.format.RawFormat;
import io.kvarena.format.TileKind;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.junit.jupiter.api.Test;

class KernelsTest {

  private static final LayerShape LAYER = LayerShape.of(2, 1, 8, Rope.NONE);

  /** A stranger's format, which only a kernel that asks the format itself can read. */
  private static final class Strange implements PageFormat {
    @Override
    public String name() {
      return "strange";
    }

    @Override
    public long tileBytes(TileKind kind, int tokens, int channels) {
      return Formats.F32.tileBytes(kind, tokens, channels);
    }

    @Override
    public void encode(
        TileKind kind, float[] rows, int tokens, int channels, MemorySegment page, long offset) {
      Formats.F32.encode(kind, rows, tokens, channels, page, offset);
    }

    @Override
    public void decode(
        TileKind kind, MemorySegment page, long offset, int tokens, int channels, float[] rows) {
      Formats.F32.decode(kind, page, offset, tokens, channels, rows);
    }

    @Override
    public void errorBounds(TileKind kind, float[] rows, int tokens, int channels, float[] bounds) {
      Formats.F32.errorBounds(kind, rows, tokens, channels, bounds);
    }

    @Override
    public float magnitudeMax() {
      return Formats.F32.magnitudeMax();
    }

    @Override
    public RawFormat raw() {
      return Formats.F32;
    }

    @Override
    public int code() {
      return -1;
    }

    @Override
    public String toString() {
      return name();
    }
  }

  private static PageLayout layout(PageFormat keys, PageFormat values) {
    return new PageLayout(LAYER, 8, 1, keys, values);
  }

  @Test
  void best_ofFormatsThatOnlyTheSpecificationReads_isTheSpecification() {
    PageFormat strange = new Strange();
    assertEquals("scalar", Kernels.best(List.of(layout(strange, Formats.F16))).name());
    assertEquals("scalar", Kernels.best(List.of(layout(Formats.F16, strange))).name());
  }

  @Test
  void best_ofEveryPairOfFormats_readsIt() {
    for (PageFormat keys : Formats.all()) {
      for (PageFormat values : Formats.all()) {
        PageLayout layout = layout(keys, values);
        assertTrue(Kernels.best(List.of(layout)).supports(layout), layout::toString);
      }
    }
  }

  @Test
  void build_withAKernelThatDoesNotReadTheFormats_isRefused() {
    AttentionKernel kernel = Kernels.named("vector");
    KvCacheBuilder builder =
        KvCache.builder(KvShape.uniform(1, LAYER))
            .keys(new Strange())
            .pageTokens(8)
            .kernel(kernel)
            .maxBytes(1 << 20);
    assertEquals(
        "the kernel does not read this layout: kernel=vector, layout=strange/f16, pageTokens=8,"
            + " heads=1, keyDim=8, valueDim=8; leave the kernel open or change the formats",
        assertThrows(IllegalArgumentException.class, builder::build).getMessage());
  }
}
