package io.kvarena;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.kvarena.attention.ScalarKernel;
import io.kvarena.format.Formats;
import io.kvarena.format.PageFormat;
import io.kvarena.transform.Encoding;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.junit.jupiter.api.Test;

class KvFootprintTest {

  @Test
  void of_aContext_isWhatTheCacheTakes() {
    LayerShape layer = LayerShape.of(4, 2, 24, Rope.NONE);
    KvShape shape = KvShape.uniform(2, layer);
    int tokens = 100;
    for (PageFormat format : Formats.all()) {
      KvFootprint predicted = KvFootprint.of(shape, tokens, 16, 1, format, Formats.Q8_0);
      try (KvCache cache =
              KvCache.builder(shape)
                  .keys(format)
                  .values(Formats.Q8_0)
                  .pageTokens(16)
                  .headsPerPage(1)
                  .kernel(new ScalarKernel())
                  .maxBytes(4 << 20)
                  .build();
          KvSequence sequence = cache.open()) {
        sequence.extend(new int[tokens]);
        MemorySegment rows = MemorySegment.ofArray(new float[tokens * 2 * 24]);
        for (int l = 0; l < 2; l++) {
          sequence.append(l, rows, rows);
        }
        KvStats stats = cache.stats();
        assertEquals(predicted.sealedBytes(), stats.sealedBytes(), format.name());
        assertEquals(tokens * 2L * 2 * 48 * 2, predicted.f16Bytes());
      }
    }
  }

  @Test
  void of_aMixOfPages_isTheArenasOwnCountToTheByte() {
    LayerShape layer = LayerShape.of(4, 2, 24, Rope.NONE);
    LayerShape other = LayerShape.of(4, 2, 40, Rope.NONE);
    KvShape shape = new KvShape(List.of(layer, other, layer));
    List<String[]> encodings =
        List.of(
            new String[] {"q4_0", "q8_0"},
            new String[] {"q4_0+centred+balanced+hadamard", "q4_0+hadamard"},
            new String[] {"q8_0+hadamard", "f32"},
            new String[] {"f16+centred", "bf16+hadamard:7"});
    for (String[] names : encodings) {
      for (int[] mix :
          new int[][] {{0, 0}, {4, 0}, {16, 0}, {0, 1}, {20, 33}, {200, 0}, {0, 200}}) {
        for (int headsPerPage : new int[] {0, 1}) {
          check(shape, names, mix[0], mix[1], headsPerPage);
        }
      }
    }
  }

  private static void check(
      KvShape shape, String[] names, int pinned, int recent, int headsPerPage) {
    Encoding keys = Encoding.parse(names[0]);
    Encoding values = Encoding.parse(names[1]);
    KvCacheBuilder builder =
        KvCache.builder(shape)
            .keys(keys)
            .values(values)
            .pinned(pinned)
            .recent(recent)
            .pageTokens(16)
            .kernel(new ScalarKernel())
            .maxBytes(16 << 20);
    if (headsPerPage > 0) {
      builder.headsPerPage(headsPerPage);
    }
    try (KvCache cache = builder.build();
        KvSequence sequence = cache.open()) {
      int tokens = 0;
      for (int chunk : new int[] {1, 14, 1, 9, 30, 8, 37, 13}) {
        sequence.extend(new int[chunk]);
        for (int l = 0; l < shape.layerCount(); l++) {
          LayerShape of = shape.layer(l);
          MemorySegment rows = MemorySegment.ofArray(new float[chunk * 2 * of.keyDim()]);
          sequence.append(l, rows, rows);
          sequence.attend(
              l,
              MemorySegment.ofArray(new float[chunk * 4 * of.keyDim()]),
              MemorySegment.ofArray(new float[chunk * 4 * of.valueDim()]));
        }
        tokens += chunk;
        sequence.remove(0, 0); // ends the step, and with it what was set aside for it
        KvFootprint predicted =
            KvFootprint.of(shape, tokens, 16, headsPerPage, keys, values, pinned, recent);
        KvStats stats = cache.stats();
        String what = keys + "/" + values + ", pinned=" + pinned + ", recent=" + recent;
        assertEquals(predicted.sealedBytes(), stats.sealedBytes(), what);
        assertEquals(predicted.kvBytesAtRest(), stats.kvBytes(), what);
        assertEquals(predicted.kvBytesAtRest(), stats.arena().pageBytes(), what);
        assertEquals(predicted.transformBytes(), stats.transformBytes(), what);
      }
      assertEquals(List.of(), cache.audit());
    }
  }
}
