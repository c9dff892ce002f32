package io.kvarena.llm.model;

import io.kvarena.Rope.Pairing;
import io.kvarena.llm.gguf.GgufException;
import java.util.Arrays;
import java.util.stream.Collectors;

/** The families that share one forward pass, and where they differ. */
public enum Architecture {
  /** Llama, SmolLM, and Mistral as converters usually label it. */
  LLAMA("llama", Pairing.INTERLEAVED),
  MISTRAL("mistral", Pairing.INTERLEAVED),
  /** Biases on queries, keys and values. */
  QWEN2("qwen2", Pairing.HALF),
  /** RMSNorm of every query and key head before RoPE. */
  QWEN3("qwen3", Pairing.HALF);

  private final String id;
  private final Pairing pairing;

  Architecture(String id, Pairing pairing) {
    this.id = id;
    this.pairing = pairing;
  }

  /** The name in a file's {@code general.architecture}, and the prefix of its keys. */
  public String id() {
    return id;
  }

  /** Which channels RoPE turns together; Llama's converters permute the weights to fit. */
  public Pairing pairing() {
    return pairing;
  }

  static Architecture named(String id, String file) {
    for (Architecture architecture : values()) {
      if (architecture.id.equals(id)) {
        return architecture;
      }
    }
    throw new GgufException(
        "architecture not supported: file="
            + file
            + ", general.architecture="
            + id
            + "; use one of "
            + Arrays.stream(values()).map(Architecture::id).collect(Collectors.joining(" ")));
  }
}
