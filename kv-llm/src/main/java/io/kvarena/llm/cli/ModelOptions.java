package io.kvarena.llm.cli;

import io.kvarena.llm.gguf.Gguf;
import io.kvarena.llm.model.HyperParameters;
import io.kvarena.llm.model.LanguageModel;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Which model. */
final class ModelOptions {
  @Option(
      names = "--model",
      paramLabel = "FILE",
      description = "A GGUF file (F32, F16, BF16, Q8_0, Q4_0); the embedded model if not given.")
  private @Nullable Path file;

  boolean isEmbedded() {
    return file == null;
  }

  LanguageModel load() {
    return file == null ? LanguageModel.embedded() : LanguageModel.load(file);
  }

  /** The sizes of the model; its weights are not loaded. */
  HyperParameters sizes() {
    if (file == null) {
      try (LanguageModel model = LanguageModel.embedded()) {
        return model.hyper();
      }
    }
    try (Gguf gguf = Gguf.open(file)) {
      return HyperParameters.read(gguf);
    }
  }
}
