package io.kvarena.llm.tokenizer;

import io.kvarena.llm.gguf.GgufException;
import io.kvarena.llm.gguf.Metadata;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;

/**
 * The pieces of a tokenizer, [id], with their types and the tokens that begin and end a text.
 *
 * @param pieces the pieces as the file spells them
 * @param types what each piece is for
 * @param ids the lowest id of each piece
 * @param bos the token that begins a text, where there is one
 * @param eos the token that ends a text, where there is one
 * @param ends the tokens after which a model says no more
 * @param addBos whether texts begin with {@code bos}
 * @param addEos whether texts end with {@code eos}
 */
public record Vocabulary(
    List<String> pieces,
    List<TokenType> types,
    Map<String, Integer> ids,
    OptionalInt bos,
    OptionalInt eos,
    Set<Integer> ends,
    boolean addBos,
    boolean addEos) {
  private static final String PREFIX = "tokenizer.ggml.";

  /** Control pieces that end a turn in the chat formats of the families this library runs. */
  private static final Set<String> TURN_ENDS =
      Set.of("<|eot_id|>", "<|im_end|>", "<|endoftext|>", "<|end_of_text|>", "<|eom_id|>");

  /** Reads the vocabulary; {@code addBos} is what the tokenizer does where the file is silent. */
  static Vocabulary read(Metadata metadata, boolean addBos) {
    List<String> pieces = List.copyOf(metadata.texts(PREFIX + "tokens"));
    if (pieces.isEmpty()) {
      throw new GgufException(
          "vocabulary is empty: key=" + PREFIX + "tokens; convert the model with its tokenizer");
    }
    List<TokenType> types = types(metadata, pieces.size());
    Map<String, Integer> ids = HashMap.newHashMap(pieces.size());
    for (int id = 0; id < pieces.size(); id++) {
      ids.putIfAbsent(pieces.get(id), id);
    }
    OptionalInt bos = id(metadata, "bos_token_id", pieces.size());
    OptionalInt eos = id(metadata, "eos_token_id", pieces.size());
    Set<Integer> ends = new TreeSet<>();
    eos.ifPresent(ends::add);
    id(metadata, "eot_token_id", pieces.size()).ifPresent(ends::add);
    id(metadata, "eom_token_id", pieces.size()).ifPresent(ends::add);
    for (String piece : TURN_ENDS) {
      Integer id = ids.get(piece);
      if (id != null && types.get(id) == TokenType.CONTROL) {
        ends.add(id);
      }
    }
    return new Vocabulary(
        pieces,
        types,
        Collections.unmodifiableMap(ids),
        bos,
        eos,
        Collections.unmodifiableSet(ends),
        metadata.flag(PREFIX + "add_bos_token", addBos) && bos.isPresent(),
        metadata.flag(PREFIX + "add_eos_token", false) && eos.isPresent());
  }

  private static List<TokenType> types(Metadata metadata, int size) {
    String key = PREFIX + "token_type";
    if (!metadata.has(key)) {
      return Collections.nCopies(size, TokenType.NORMAL);
    }
    List<TokenType> types = new ArrayList<>(size);
    for (int id : metadata.integers(key, size, 0, Integer.MAX_VALUE)) {
      types.add(TokenType.of(id));
    }
    return List.copyOf(types);
  }

  static OptionalInt id(Metadata metadata, String name, int size) {
    String key = PREFIX + name;
    return metadata.has(key)
        ? OptionalInt.of(metadata.integer(key, 0, size - 1))
        : OptionalInt.empty();
  }

  /** How many tokens there are. */
  public int size() {
    return pieces.size();
  }

  TokenType type(int id) {
    return types.get(id);
  }

  String piece(int id) {
    return pieces.get(id);
  }
}
