package io.kvarena.llm.model;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;
import io.kvarena.fixtures.gguf.WeightType;
import io.kvarena.llm.gguf.GgufException;
import java.util.Arrays;

/** Whatever bytes a model file has, opening it succeeds or throws {@link GgufException}. */
class GgufFuzzTest {
  private static final byte[] LLAMA =
      new FamilyModel(FamilyModel.Family.LLAMA, WeightType.Q8_0, "llama", 1).gguf();
  private static final byte[] GPT2 =
      new FamilyModel(FamilyModel.Family.QWEN2, WeightType.F16, "gpt2", 2).gguf();

  @FuzzTest(maxDuration = "60s")
  void open_anyBytes_throwsNothingButGgufException(FuzzedDataProvider data) {
    try {
      ModelHostileTest.useAll(file(data));
    } catch (GgufException expected) {
      // a damaged file that was recognised as one
    }
  }

  /** Bytes out of nothing, or a sound model with some of its first 16 KiB written over. */
  private static byte[] file(FuzzedDataProvider data) {
    int kind = data.consumeInt(0, 2);
    if (kind == 0) {
      return data.consumeRemainingAsBytes();
    }
    byte[] sound = kind == 1 ? LLAMA : GPT2;
    int length = data.consumeBoolean() ? sound.length : data.consumeInt(0, sound.length);
    byte[] bytes = Arrays.copyOf(sound, length);
    while (data.remainingBytes() > 0 && length > 0) {
      int at = data.consumeInt(0, Math.min(length, 1 << 14) - 1);
      byte[] written = data.consumeBytes(8);
      System.arraycopy(written, 0, bytes, at, Math.min(written.length, length - at));
    }
    return bytes;
  }
}
