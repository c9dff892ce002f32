package io.kvarena.llm.model;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.kvarena.Rope;
import io.kvarena.Rope.Pairing;
import io.kvarena.RopeScaling;
import io.kvarena.llm.gguf.Gguf;
import io.kvarena.llm.gguf.GgufBuilder;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

/** What files say of their rotary embedding, in the words of the core. */
class RopeReaderTest {
  private static Rope read(GgufBuilder builder) {
    Gguf gguf = Gguf.of(MemorySegment.ofArray(builder.build()), "rope.gguf");
    return RopeReader.read(new Keys(gguf, "qwen2."), Pairing.HALF, 64);
  }

  @Test
  void rope_ofASilentFile_isPlain() {
    assertEquals(Rope.of(Pairing.HALF, 64, 10_000), read(new GgufBuilder()));
  }

  @Test
  void rope_ofPartOfTheKey_turnsThatPart() {
    Rope rope =
        read(
            new GgufBuilder()
                .u32("qwen2.rope.dimension_count", 32)
                .real("qwen2.rope.freq_base", 1e6f));
    assertEquals(Rope.of(Pairing.HALF, 32, 1e6), rope);
    assertEquals(Rope.NONE, read(new GgufBuilder().u32("qwen2.rope.dimension_count", 0)));
  }

  @Test
  void scaling_linear_isReadInBothSpellings() {
    RopeScaling expected = new RopeScaling.Linear(4);
    assertEquals(
        expected,
        read(new GgufBuilder()
                .text("qwen2.rope.scaling.type", "linear")
                .real("qwen2.rope.scaling.factor", 4))
            .scaling());
    assertEquals(expected, read(new GgufBuilder().real("qwen2.rope.scale_linear", 4)).scaling());
  }

  @Test
  void scaling_yarn_hasTheUsualRampAndMagnitude() {
    RopeScaling scaling =
        read(new GgufBuilder()
                .u32("qwen2.context_length", 131_072)
                .text("qwen2.rope.scaling.type", "yarn")
                .real("qwen2.rope.scaling.factor", 4)
                .u32("qwen2.rope.scaling.original_context_length", 32_768))
            .scaling();
    // arXiv 2309.00071, equation 22: the attention is scaled by 0.1 ln(s) + 1
    assertEquals(new RopeScaling.Yarn(4, 32_768, 32, 1, 1 + 0.1 * Math.log(4)), scaling);
  }

  @Test
  void table_underYarn_turnsByTheCoresFrequenciesAndStretchesByTheMagnitude() {
    Rope rope = new Rope(Pairing.HALF, 8, 10_000, new RopeScaling.Yarn(4, 64, 32, 1, 1.25));
    RotaryTable table = new RotaryTable(rope, 2);
    table.moveTo(99, 2);
    float[] vectors = {9, 1, 2, 3, 4, 5, 6, 7, 8};
    table.rotate(vectors, 1, 1);
    for (int pair = 0; pair < 4; pair++) {
      double angle = 100 * rope.frequency(pair);
      double x = 1 + pair;
      double y = 5 + pair;
      // three roundings to f32 of numbers below 16
      double tolerance = 3 * 16 * 0x1p-24;
      assertEquals(
          1.25 * (x * Math.cos(angle) - y * Math.sin(angle)), vectors[1 + pair], tolerance);
      assertEquals(
          1.25 * (x * Math.sin(angle) + y * Math.cos(angle)), vectors[5 + pair], tolerance);
    }
    assertEquals(9, vectors[0]);
  }
}
