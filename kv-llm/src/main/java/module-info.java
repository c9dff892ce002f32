import org.jspecify.annotations.NullMarked;

/** A GGUF reader, tokenizers, a Llama-family forward pass on the store, and the kv command. */
@NullMarked
module io.kvarena.llm {
  requires static transitive org.jspecify;
  requires transitive io.kvarena;
  requires com.google.gson;
  requires info.picocli;
  requires java.management;
  requires jdk.management;

  exports io.kvarena.llm.gguf;
  exports io.kvarena.llm.model;
  exports io.kvarena.llm.sampling;
  exports io.kvarena.llm.tokenizer;

  // picocli fills the fields that are annotated as options
  opens io.kvarena.llm.cli to
      info.picocli;
}
