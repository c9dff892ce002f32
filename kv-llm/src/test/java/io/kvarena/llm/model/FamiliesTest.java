package io.kvarena.llm.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import io.kvarena.KvCache;
import io.kvarena.KvSequence;
import io.kvarena.LayerKind;
import io.kvarena.attention.AttentionKernel;
import io.kvarena.attention.Kernels;
import io.kvarena.fixtures.gguf.WeightType;
import io.kvarena.format.Formats;
import io.kvarena.llm.gguf.Gguf;
import io.kvarena.llm.tokenizer.Tokenizer.Controls;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Every family in every weight type with either tokenizer equals a double-precision forward. */
class FamiliesTest {
  // f32 arithmetic: sums of at most 128 products of numbers of order 1, so errors of about 1e-6
  // each
  // over a dozen steps; the promise is 1e-3, and a wrong formula errs by far more
  private static final double TOLERANCE = 1e-3;
  private static final int TOKENS = 21;
  private static final List<String> TOKENIZERS = List.of("llama", "gpt2");

  static Stream<Arguments> models() {
    List<Arguments> models = new ArrayList<>();
    long seed = 100;
    for (FamilyModel.Family family : FamilyModel.Family.values()) {
      for (WeightType type : WeightType.values()) {
        for (String tokenizer : TOKENIZERS) {
          models.add(arguments(family, type, tokenizer, seed++));
        }
      }
    }
    return models.stream();
  }

  static LanguageModel load(FamilyModel tiny) {
    return LanguageModel.of(Gguf.of(MemorySegment.ofArray(tiny.gguf()), "tiny.gguf"));
  }

  @ParameterizedTest(name = "{0} {1} {2}")
  @MethodSource("models")
  void logits_ofAFamilyModel_equalTheDoubleForward(
      FamilyModel.Family family, WeightType type, String tokenizer, long seed) {
    FamilyModel tiny = new FamilyModel(family, type, tokenizer, seed);
    SplittableRandom random = new SplittableRandom(seed);
    int[] ids = random.ints(TOKENS, 0, tiny.vocabulary).toArray();
    double[][] expected = new DoubleForward(tiny).logits(ids);
    try (LanguageModel model = load(tiny)) {
      for (AttentionKernel kernel : Kernels.usable()) {
        double[] worst = new double[1];
        try (KvCache cache = f32Cache(model, kernel);
            KvSequence sequence = cache.open()) {
          // 13 tokens at once, the others one by one, so that both ways are seen
          ForwardPass pass = new ForwardPass(model, 5);
          pass.forwardAll(
              sequence,
              Arrays.copyOf(ids, 13),
              (index, logits) -> worst[0] = Math.max(worst[0], error(expected[index], logits)));
          for (int t = 13; t < TOKENS; t++) {
            float[] logits = pass.forward(sequence, ids[t]);
            worst[0] = Math.max(worst[0], error(expected[t], logits));
          }
        }
        assertTrue(worst[0] < TOLERANCE, () -> "kernel=" + kernel.name() + ", error=" + worst[0]);
      }
    }
  }

  private static KvCache f32Cache(LanguageModel model, AttentionKernel kernel) {
    return KvCache.builder(model.shape())
        .keys(Formats.F32)
        .values(Formats.F32)
        .pageTokens(8)
        .maxBytes(64L << 20)
        .slabBytes(1L << 20)
        .threads(1)
        .kernel(kernel)
        .build();
  }

  private static double error(double[] expected, float[] actual) {
    assertEquals(expected.length, actual.length);
    double worst = 0;
    for (int i = 0; i < expected.length; i++) {
      worst = Math.max(worst, Math.abs(expected[i] - actual[i]));
    }
    return worst;
  }

  @Test
  void logits_ofFamilyModels_areNotAllAlike() {
    // the tolerance above means something only if the logits are of order 1
    FamilyModel tiny = new FamilyModel(FamilyModel.Family.QWEN2, WeightType.F32, "gpt2", 1);
    double[] logits = new DoubleForward(tiny).logits(new int[] {1, 2, 3})[2];
    double spread =
        Arrays.stream(logits).max().orElseThrow() - Arrays.stream(logits).min().orElseThrow();
    assertTrue(spread > 1, "spread=" + spread);
  }

  @Test
  void shape_ofEachFamily_isWhatItsFileDeclares() {
    for (FamilyModel.Family family : FamilyModel.Family.values()) {
      FamilyModel tiny = new FamilyModel(family, WeightType.F16, "llama", 3);
      try (LanguageModel model = load(tiny)) {
        var layer = model.shape().layer(1);
        assertEquals(tiny.heads, layer.queryHeads());
        assertEquals(tiny.kvHeads, layer.kvHeads());
        assertEquals(tiny.headDim, layer.keyDim());
        assertEquals(
            tiny.window == 0 ? LayerKind.FULL : new LayerKind.Sliding(tiny.window), layer.kind());
        assertEquals(tiny.layers, model.shape().layerCount());
      }
    }
  }

  @Test
  void tokenizer_ofEachKind_roundTrips() {
    for (String tokenizer : TOKENIZERS) {
      FamilyModel tiny = new FamilyModel(FamilyModel.Family.LLAMA, WeightType.Q4_0, tokenizer, 4);
      try (LanguageModel model = load(tiny)) {
        int[] ids = model.tokenizer().encode(" the heath 42é", Controls.AS_TEXT);
        assertEquals(" the heath 42é", model.tokenizer().decode(ids));
      }
    }
  }
}
