package io.kvarena.llm.tokenizer;

import io.kvarena.llm.gguf.Gguf;
import io.kvarena.llm.gguf.GgufException;
import io.kvarena.llm.gguf.Metadata;
import io.kvarena.llm.tokenizer.SpecialTokens.Part;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Turns text into the token ids of one model and back. Immutable, safe for use by many threads. */
public abstract class Tokenizer {

  /** What to do with the spelling of a control token found in a text. */
  public enum Controls {
    /** It is that token. For prompts whose author may steer the model. */
    PARSE,
    /** It is text like any other. For text that comes from elsewhere. */
    AS_TEXT
  }

  private final Vocabulary vocabulary;
  private final SpecialTokens all;
  private final SpecialTokens userDefined;

  Tokenizer(Vocabulary vocabulary) {
    this.vocabulary = vocabulary;
    this.all = SpecialTokens.of(vocabulary, TokenType.USER_DEFINED, TokenType.CONTROL);
    this.userDefined = SpecialTokens.of(vocabulary, TokenType.USER_DEFINED);
  }

  /** The tokenizer that a model file carries. */
  public static Tokenizer read(Gguf gguf) {
    Metadata metadata = gguf.metadata();
    String model = metadata.text("tokenizer.ggml.model");
    return switch (model) {
      case "llama" -> SentencePieceBpe.read(metadata);
      case "gpt2" -> ByteLevelBpe.read(metadata);
      default ->
          throw new GgufException(
              "tokenizer not supported: file="
                  + gguf.file()
                  + ", tokenizer.ggml.model="
                  + model
                  + "; use a model with a llama or gpt2 tokenizer");
    };
  }

  /** The pieces and special tokens. */
  public Vocabulary vocabulary() {
    return vocabulary;
  }

  /** The tokens of a text, with those that begin and end a text where the model wants them. */
  public int[] encode(String text) {
    return encode(text, Controls.PARSE);
  }

  /** The tokens of a text, with those that begin and end a text where the model wants them. */
  public int[] encode(String text, Controls controls) {
    Ids ids = new Ids();
    if (vocabulary.addBos()) {
      ids.add(vocabulary.bos().orElseThrow());
    }
    appendPlain(text, controls, ids);
    if (vocabulary.addEos()) {
      ids.add(vocabulary.eos().orElseThrow());
    }
    return ids.toArray();
  }

  /** The tokens of a text and nothing else. */
  public int[] encodePlain(String text, Controls controls) {
    Ids ids = new Ids();
    appendPlain(text, controls, ids);
    return ids.toArray();
  }

  private void appendPlain(String text, Controls controls, Ids ids) {
    SpecialTokens specials = controls == Controls.PARSE ? all : userDefined;
    boolean first = true;
    for (Part part : specials.split(text)) {
      switch (part) {
        case Part.Special special -> {
          ids.add(special.id());
          first = true;
        }
        case Part.Text plain -> {
          appendText(plain.text(), first, ids);
          first = false;
        }
      }
    }
  }

  /** Appends the tokens of a non-empty text; {@code first}: no text stands before it. */
  abstract void appendText(String text, boolean first, Ids ids);

  /** The bytes that a token stands for: none for a control token. */
  abstract byte[] bytes(int id);

  /** Whether encoding puts a space in front of a text, which decoding must take away. */
  abstract boolean addsSpace();

  /** The text of tokens that begin a text; the reverse of {@link #encode(String)}. */
  public String decode(int... ids) {
    byte[] bytes = concatenated(ids);
    int from = addsSpace() && bytes.length > 0 && bytes[0] == ' ' ? 1 : 0;
    return new String(bytes, from, bytes.length - from, StandardCharsets.UTF_8);
  }

  /** The text of tokens that go on from others, leading space included. */
  public String decodeContinuation(int... ids) {
    return new String(concatenated(ids), StandardCharsets.UTF_8);
  }

  private byte[] concatenated(int[] ids) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (int id : ids) {
      bytes.writeBytes(bytes(checked(id)));
    }
    return bytes.toByteArray();
  }

  int checked(int id) {
    if (id < 0 || id >= vocabulary.size()) {
      throw new IllegalArgumentException(
          "token id out of range: id="
              + id
              + ", vocabulary="
              + vocabulary.size()
              + "; use ids of this model's tokenizer");
    }
    return id;
  }

  /** Whether the model says no more after this token. */
  public boolean isEnd(int id) {
    return vocabulary.ends().contains(id);
  }

  /** A list of ids that grows. */
  static final class Ids {
    private int[] ids = new int[64];
    private int count;

    void add(int id) {
      if (count == ids.length) {
        ids = Arrays.copyOf(ids, 2 * count);
      }
      ids[count++] = id;
    }

    int[] toArray() {
      return Arrays.copyOf(ids, count);
    }
  }
}
