package io.kvarena.llm.tokenizer;

import io.kvarena.llm.gguf.GgufException;
import io.kvarena.llm.gguf.Metadata;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.OptionalInt;

/**
 * SentencePiece's BPE ({@code tokenizer.ggml.model = llama}): pieces carry scores, the pair whose
 * joined piece scores highest is joined first, spaces are written as U+2581, and what no piece
 * covers becomes byte tokens. A U+2581 in the text itself comes back as a space.
 *
 * <p>Source: Kudo and Richardson, SentencePiece, arXiv 1808.06226.
 */
final class SentencePieceBpe extends Tokenizer {
  private static final char SPACE = '\u2581';

  private final float[] scores;
  private final boolean addSpace;
  private final OptionalInt unknown;

  /** Ids of the byte tokens, [256], −1 where the vocabulary lacks one. */
  private final int[] byteIds = new int[256];

  private final byte[][] bytes;

  /** Pieces that may be joined to, by spelling. */
  private final Map<String, Integer> joinable = new HashMap<>();

  private SentencePieceBpe(
      Vocabulary vocabulary, float[] scores, boolean addSpace, OptionalInt unknown) {
    super(vocabulary);
    this.scores = scores;
    this.addSpace = addSpace;
    this.unknown = unknown;
    this.bytes = new byte[vocabulary.size()][];
    Arrays.fill(byteIds, -1);
    for (int id = 0; id < vocabulary.size(); id++) {
      bytes[id] = read(vocabulary, id);
    }
  }

  private byte[] read(Vocabulary vocabulary, int id) {
    String piece = vocabulary.piece(id);
    return switch (vocabulary.type(id)) {
      case CONTROL -> new byte[0];
      case UNKNOWN -> "\ufffd".getBytes(StandardCharsets.UTF_8);
      case BYTE -> {
        int value = byteValue(piece);
        byteIds[value] = id;
        yield new byte[] {(byte) value};
      }
      case NORMAL, USER_DEFINED, UNUSED -> {
        joinable.putIfAbsent(piece, id);
        yield piece.replace(SPACE, ' ').getBytes(StandardCharsets.UTF_8);
      }
    };
  }

  /** The value of a byte token spelled {@code <0x1F>}. */
  private static int byteValue(String piece) {
    if (!piece.matches("<0x[0-9A-Fa-f]{2}>")) {
      throw new GgufException(
          "byte token is not spelled <0xNN>: piece="
              + piece
              + "; convert the model again with a current converter");
    }
    return Integer.parseInt(piece, 3, 5, 16);
  }

  static SentencePieceBpe read(Metadata metadata) {
    Vocabulary vocabulary = Vocabulary.read(metadata, true);
    float[] scores = metadata.reals("tokenizer.ggml.scores");
    if (scores.length != vocabulary.size()) {
      throw new GgufException(
          "one score per token is needed: scores="
              + scores.length
              + ", tokens="
              + vocabulary.size()
              + "; convert the model again with a current converter");
    }
    return new SentencePieceBpe(
        vocabulary,
        scores,
        metadata.flag("tokenizer.ggml.add_space_prefix", true),
        Vocabulary.id(metadata, "unknown_token_id", vocabulary.size()));
  }

  @Override
  void appendText(String text, boolean first, Ids ids) {
    String spelled = (addSpace && first ? " " + text : text).replace(' ', SPACE);
    int from = 0;
    for (int end : PairMerger.merge(spelled, this::priority)) {
      appendPiece(spelled.substring(from, end), ids);
      from = end;
    }
  }

  private double priority(String text, int from, int middle, int to) {
    Integer id = joinable.get(text.substring(from, to));
    return id == null ? PairMerger.Ranker.NEVER : -scores[id];
  }

  private void appendPiece(String piece, Ids ids) {
    Integer id = joinable.get(piece);
    if (id != null) {
      ids.add(id);
      return;
    }
    for (byte value : piece.replace(SPACE, ' ').getBytes(StandardCharsets.UTF_8)) {
      int byteId = byteIds[value & 0xff];
      if (byteId >= 0) {
        ids.add(byteId);
      } else if (unknown.isPresent()) {
        ids.add(unknown.getAsInt());
        return;
      }
    }
  }

  @Override
  byte[] bytes(int id) {
    return bytes[id];
  }

  @Override
  boolean addsSpace() {
    return addSpace;
  }
}
