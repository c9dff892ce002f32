package io.kvarena;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.kvarena.attention.ScalarKernel;
import io.kvarena.format.Formats;
import io.kvarena.format.PageFormat;
import java.lang.foreign.MemorySegment;
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
}
