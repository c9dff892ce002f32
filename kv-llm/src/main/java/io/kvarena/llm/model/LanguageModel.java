package io.kvarena.llm.model;

import io.kvarena.KvShape;
import io.kvarena.llm.gguf.Gguf;
import io.kvarena.llm.gguf.GgufException;
import io.kvarena.llm.tokenizer.Tokenizer;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/**
 * A model of the Llama family: weights, sizes and tokenizer. Safe for use by many threads, each
 * with a {@link ForwardPass} of its own.
 */
public final class LanguageModel implements AutoCloseable {
  /** The model that comes with this module: 4.9 million parameters, context 2,048. */
  private static final String EMBEDDED = "/io/kvarena/llm/kvlab.f16.gguf";

  private final Gguf gguf;
  private final HyperParameters hyper;
  private final Weights weights;
  private @Nullable Tokenizer tokenizer;

  private LanguageModel(Gguf gguf) {
    this.gguf = gguf;
    this.hyper = HyperParameters.read(gguf);
    this.weights = WeightLoader.load(gguf, hyper);
  }

  /** Loads a model file. */
  public static LanguageModel load(Path path) {
    return of(Gguf.open(path));
  }

  /** Loads the model that comes with this module. */
  public static LanguageModel embedded() {
    try (InputStream in = LanguageModel.class.getResourceAsStream(EMBEDDED)) {
      if (in == null) {
        throw new IllegalStateException(
            "embedded model missing: resource=" + EMBEDDED + "; build kv-llm with its resources");
      }
      return of(Gguf.read(in, "kvlab.f16.gguf"));
    } catch (IOException e) {
      throw new UncheckedIOException(
          "embedded model unreadable: resource=" + EMBEDDED + "; build kv-llm again", e);
    }
  }

  /** The model in a file that is open; closing the model closes the file. */
  public static LanguageModel of(Gguf gguf) {
    try {
      return new LanguageModel(gguf);
    } catch (RuntimeException | Error e) {
      gguf.close();
      throw e;
    }
  }

  /** The name it gives itself, or that of its file. */
  public String name() {
    return gguf.metadata().text("general.name", Path.of(gguf.file()).getFileName().toString());
  }

  /** What tells the model from all others: the SHA-256 of its file, which is read for that. */
  public String identity() {
    return HexFormat.of().formatHex(gguf.sha256());
  }

  /** The sizes of the model. */
  public HyperParameters hyper() {
    return hyper;
  }

  /** The attention geometry, for the cache. */
  public KvShape shape() {
    return hyper.shape();
  }

  /** The tokenizer, read at the first call: a model whose tokenizer is unknown still takes ids. */
  public synchronized Tokenizer tokenizer() {
    Tokenizer read = tokenizer;
    if (read == null) {
      read = Tokenizer.read(gguf);
      if (read.vocabulary().size() != hyper.vocabulary()) {
        throw new GgufException(
            "tokenizer does not fit the embedding: file="
                + gguf.file()
                + ", tokens="
                + read.vocabulary().size()
                + ", embeddings="
                + hyper.vocabulary()
                + "; convert the model again with a current converter");
      }
      tokenizer = read;
    }
    return read;
  }

  Weights weights() {
    return weights;
  }

  /** Unmaps the file; no forward pass of this model may run afterwards. */
  @Override
  public void close() {
    gguf.close();
  }
}
