package io.kvarena.llm.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import io.kvarena.fixtures.gguf.WeightType;
import io.kvarena.llm.gguf.Gguf;
import io.kvarena.llm.gguf.GgufBuilder;
import io.kvarena.llm.gguf.GgufException;
import io.kvarena.llm.tokenizer.Tokenizer.Controls;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Sound files that hold no model this library runs, and damaged ones by the thousand. */
class ModelHostileTest {
  private static final String CONVERT = "; convert the model again with a current converter";
  private static final String NOT_OURS = "; the file is damaged or not a model this library runs";

  /** A model of one layer of width 8, complete but for what the caller leaves out or changes. */
  private static GgufBuilder keys() {
    return new GgufBuilder()
        .text("general.architecture", "llama")
        .u32("llama.block_count", 1)
        .u32("llama.context_length", 16)
        .u32("llama.embedding_length", 8)
        .u32("llama.feed_forward_length", 4)
        .u32("llama.attention.head_count", 2);
  }

  private static GgufBuilder tensors(GgufBuilder builder) {
    matrix(builder, "token_embd.weight", 8, 3);
    vector(builder, "blk.0.attn_norm.weight", 8);
    matrix(builder, "blk.0.attn_q.weight", 8, 8);
    matrix(builder, "blk.0.attn_k.weight", 8, 8);
    matrix(builder, "blk.0.attn_v.weight", 8, 8);
    matrix(builder, "blk.0.attn_output.weight", 8, 8);
    vector(builder, "blk.0.ffn_norm.weight", 8);
    matrix(builder, "blk.0.ffn_gate.weight", 8, 4);
    matrix(builder, "blk.0.ffn_up.weight", 8, 4);
    matrix(builder, "blk.0.ffn_down.weight", 4, 8);
    return vector(builder, "output_norm.weight", 8);
  }

  private static GgufBuilder matrix(GgufBuilder builder, String name, int inner, int rows) {
    return builder.tensor(name, 0, new byte[4 * inner * rows], inner, rows);
  }

  private static GgufBuilder vector(GgufBuilder builder, String name, int length) {
    return builder.tensor(name, 0, new byte[4 * length], length);
  }

  static Stream<Arguments> files() {
    return Stream.of(
        arguments(
            "no architecture",
            new GgufBuilder(),
            "metadata key missing: file=hostile.gguf, key=general.architecture" + CONVERT),
        arguments(
            "unknown architecture",
            new GgufBuilder().text("general.architecture", "mamba"),
            "architecture not supported: file=hostile.gguf, general.architecture=mamba;"
                + " use one of llama mistral qwen2 qwen3"),
        arguments(
            "mixture of experts",
            keys().u32("llama.expert_count", 8),
            "mixture-of-experts models are not supported: file=hostile.gguf,"
                + " key=llama.expert_count; use a dense model"),
        arguments(
            "no layers",
            new GgufBuilder().text("general.architecture", "llama").u32("llama.block_count", 0),
            "metadata value out of range: file=hostile.gguf, key=llama.block_count, value=0,"
                + " min=1, max=1024"
                + NOT_OURS),
        arguments(
            "a billion layers",
            new GgufBuilder()
                .text("general.architecture", "llama")
                .u32("llama.block_count", 1_000_000_000),
            "metadata value out of range: file=hostile.gguf, key=llama.block_count,"
                + " value=1000000000, min=1, max=1024"
                + NOT_OURS),
        arguments(
            "no embedding",
            keys(),
            "tensor missing: file=hostile.gguf, tensor=token_embd.weight" + CONVERT),
        arguments(
            "heads that do not divide",
            tensors(keys().u32("llama.attention.head_count_kv", 3)),
            "impossible attention geometry: file=hostile.gguf; queryHeads must be a multiple of"
                + " kvHeads: queryHeads=2, kvHeads=3; each KV head serves the same number of query"
                + " heads"),
        arguments(
            "epsilon of zero",
            tensors(keys().real("llama.attention.layer_norm_rms_epsilon", 0)),
            "metadata value must be positive: file=hostile.gguf,"
                + " key=llama.attention.layer_norm_rms_epsilon, value=0.0;"
                + " the file is damaged, fetch it again"),
        arguments(
            "odd rotary dimensions",
            tensors(keys().u32("llama.rope.dimension_count", 3)),
            "rotary dimensions must be even: file=hostile.gguf, key=llama.rope.dimension_count,"
                + " value=3; the file is damaged, fetch it again"),
        arguments(
            "more rotary dimensions than channels",
            tensors(keys().u32("llama.rope.dimension_count", 6)),
            "metadata value out of range: file=hostile.gguf, key=llama.rope.dimension_count,"
                + " value=6, min=0, max=4"
                + NOT_OURS),
        arguments(
            "unknown RoPE scaling",
            tensors(keys().text("llama.rope.scaling.type", "longrope")),
            "RoPE scaling not supported: file=hostile.gguf, key=llama.rope.scaling.type,"
                + " value=longrope; use a model with none, linear or yarn scaling, or"
                + " rope_freqs.weight"),
        arguments(
            "RoPE divisors of the wrong length",
            vector(tensors(keys()), "rope_freqs.weight", 3),
            "tensor has the wrong shape: file=hostile.gguf, tensor=rope_freqs.weight, shape=[3],"
                + " expected=[2]"
                + CONVERT),
        arguments(
            "RoPE divisors of zero",
            vector(tensors(keys()), "rope_freqs.weight", 2),
            "RoPE divisor must be positive: file=hostile.gguf, tensor=rope_freqs.weight, value=0.0;"
                + " the file is damaged, fetch it again"),
        arguments(
            "a layer's tensor missing",
            matrix(keys(), "token_embd.weight", 8, 3),
            "tensor missing: file=hostile.gguf, tensor=blk.0.attn_norm.weight" + CONVERT),
        arguments(
            "a matrix the wrong way round",
            matrix(keys(), "token_embd.weight", 3, 8),
            "tensor has the wrong shape: file=hostile.gguf, tensor=token_embd.weight,"
                + " shape=[3, 8], expected=[8, 8]"
                + CONVERT),
        arguments(
            "a tensor nobody uses",
            vector(tensors(keys()), "blk.0.post_attention_norm.weight", 8),
            "tensor has no place in this architecture: file=hostile.gguf,"
                + " tensor=blk.0.post_attention_norm.weight, general.architecture=llama;"
                + " use a plain model of this family"),
        arguments(
            "per-layer numbers for two layers of one",
            tensors(
                new GgufBuilder()
                    .text("general.architecture", "llama")
                    .u32("llama.block_count", 1)
                    .u32("llama.context_length", 16)
                    .u32("llama.embedding_length", 8)
                    .integers("llama.feed_forward_length", List.of(4, 4))),
            "metadata array has the wrong length: file=hostile.gguf,"
                + " key=llama.feed_forward_length, length=2, expected=1"
                + CONVERT));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("files")
  void load_fileWithoutAModel_saysWhatIsWrongAndTheWayOut(
      String name, GgufBuilder builder, String message) {
    GgufException e = assertThrows(GgufException.class, () -> load(builder.build()));
    assertEquals(message, e.getMessage());
  }

  @Test
  void load_theSmallestModel_isAccepted() {
    load(tensors(keys()).build());
  }

  private static void load(byte[] bytes) {
    LanguageModel.of(Gguf.of(MemorySegment.ofArray(bytes), "hostile.gguf")).close();
  }

  /** Everything that opening a file sets going, short of computing with its weights. */
  static void useAll(byte[] bytes) {
    try (LanguageModel model =
        LanguageModel.of(Gguf.of(MemorySegment.ofArray(bytes), "fuzzed.gguf"))) {
      int[] ids = model.tokenizer().encode("The 2 rivers,\n naïve 漢!", Controls.AS_TEXT);
      model.tokenizer().decode(ids);
    }
  }

  @Test
  void load_mutatedModels_throwsNothingButGgufException() {
    SplittableRandom random = new SplittableRandom(42);
    int refused = 0;
    int rounds = 6_000;
    for (String tokenizer : List.of("llama", "gpt2")) {
      byte[] sound =
          new FamilyModel(FamilyModel.Family.QWEN3, WeightType.Q4_0, tokenizer, 9).gguf();
      useAll(sound);
      for (int round = 0; round < rounds / 2; round++) {
        byte[] bytes = mutated(sound, random);
        try {
          useAll(bytes);
        } catch (GgufException e) {
          refused++;
          assertTrue(
              e.getMessage().contains("; ") && !e.getMessage().contains("\n"), e.getMessage());
        }
      }
    }
    // most changes are to weights and pieces, which may be anything
    assertTrue(refused > rounds / 20, "refused=" + refused);
  }

  /** One to four changes of bytes, mostly in the metadata; sometimes the end is cut off. */
  private static byte[] mutated(byte[] sound, SplittableRandom random) {
    byte[] bytes =
        random.nextInt(10) == 0
            ? Arrays.copyOf(sound, random.nextInt(sound.length))
            : sound.clone();
    int reach = random.nextInt(4) == 0 ? bytes.length : Math.min(bytes.length, 9_000);
    for (int i = random.nextInt(4); i >= 0 && reach > 0; i--) {
      bytes[random.nextInt(reach)] =
          (byte)
              (random.nextBoolean()
                  ? random.nextInt(256)
                  : new int[] {0, 1, 127, 128, 255}[random.nextInt(5)]);
    }
    return bytes;
  }
}
