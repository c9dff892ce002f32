package io.kvarena.llm.tokenizer;

import io.kvarena.llm.gguf.GgufException;
import io.kvarena.llm.gguf.Metadata;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Byte-level BPE ({@code tokenizer.ggml.model = gpt2}): the text is cut by a {@link PreTokenizer},
 * its UTF-8 bytes are spelled as 256 printable characters, and pairs are joined in the order of the
 * file's merges.
 *
 * <p>Source: Radford et al., Language Models are Unsupervised Multitask Learners, 2019.
 */
final class ByteLevelBpe extends Tokenizer {
  private static final char[] SPELLING = spelling();
  private static final Map<Character, Byte> BYTE_OF = byteOf();

  private final PreTokenizer preTokenizer;

  /** Rank of each merge, by its two parts with a space between, which no spelling contains. */
  private final Map<String, Integer> ranks;

  /** Whether a word that is a piece is taken whole, without regard to merges. */
  private final boolean wholeWords;

  private final byte[][] bytes;

  private ByteLevelBpe(
      Vocabulary vocabulary, PreTokenizer preTokenizer, Map<String, Integer> ranks) {
    super(vocabulary);
    this.preTokenizer = preTokenizer;
    this.ranks = ranks;
    this.wholeWords = preTokenizer == PreTokenizer.LLAMA3;
    this.bytes = new byte[vocabulary.size()][];
    for (int id = 0; id < bytes.length; id++) {
      bytes[id] = read(vocabulary, id);
    }
  }

  static ByteLevelBpe read(Metadata metadata) {
    PreTokenizer preTokenizer = PreTokenizer.named(metadata.text("tokenizer.ggml.pre", "default"));
    Vocabulary vocabulary = Vocabulary.read(metadata, preTokenizer == PreTokenizer.LLAMA3);
    List<String> merges = metadata.texts("tokenizer.ggml.merges");
    Map<String, Integer> ranks = HashMap.newHashMap(merges.size());
    for (String merge : merges) {
      if (merge.indexOf(' ') < 1 || merge.indexOf(' ') != merge.lastIndexOf(' ')) {
        throw new GgufException(
            "a merge is two parts with a space between: merge="
                + merge.replaceAll("\\p{Cntrl}", "?")
                + ", index="
                + ranks.size()
                + "; convert the model again with a current converter");
      }
      ranks.putIfAbsent(merge, ranks.size());
    }
    return new ByteLevelBpe(vocabulary, preTokenizer, ranks);
  }

  private static byte[] read(Vocabulary vocabulary, int id) {
    String piece = vocabulary.piece(id);
    return switch (vocabulary.type(id)) {
      case CONTROL -> new byte[0];
      case USER_DEFINED -> piece.getBytes(StandardCharsets.UTF_8);
      case NORMAL, UNKNOWN, UNUSED, BYTE -> unspelled(piece);
    };
  }

  /** Printable bytes are spelled as themselves, the others as the characters from 256 on. */
  private static char[] spelling() {
    char[] spelling = new char[256];
    char free = 256;
    for (char c = 0; c < 256; c++) {
      boolean printable = (c >= '!' && c <= '~') || (c >= 0xa1 && c <= 0xff && c != 0xad);
      spelling[c] = printable ? c : free++;
    }
    return spelling;
  }

  private static Map<Character, Byte> byteOf() {
    Map<Character, Byte> byteOf = new HashMap<>();
    for (int value = 0; value < 256; value++) {
      byteOf.put(SPELLING[value], (byte) value);
    }
    return Map.copyOf(byteOf);
  }

  private static String spelled(String text) {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    char[] spelled = new char[utf8.length];
    for (int i = 0; i < utf8.length; i++) {
      spelled[i] = SPELLING[utf8[i] & 0xff];
    }
    return new String(spelled);
  }

  /** The bytes of a piece; characters outside the spelling stand for themselves. */
  private static byte[] unspelled(String piece) {
    byte[] bytes = new byte[piece.length()];
    for (int i = 0; i < bytes.length; i++) {
      Byte value = BYTE_OF.get(piece.charAt(i));
      if (value == null) {
        return piece.getBytes(StandardCharsets.UTF_8);
      }
      bytes[i] = value;
    }
    return bytes;
  }

  @Override
  void appendText(String text, boolean first, Ids ids) {
    for (String word : preTokenizer.split(text)) {
      appendWord(spelled(word), ids);
    }
  }

  private void appendWord(String word, Ids ids) {
    Integer whole = wholeWords ? vocabulary().ids().get(word) : null;
    if (whole != null) {
      ids.add(whole);
      return;
    }
    int from = 0;
    for (int end : PairMerger.merge(word, this::priority)) {
      appendPiece(word, from, end, ids);
      from = end;
    }
  }

  private double priority(String text, int from, int middle, int to) {
    Integer rank = ranks.get(text.substring(from, middle) + ' ' + text.substring(middle, to));
    return rank == null ? PairMerger.Ranker.NEVER : rank;
  }

  private void appendPiece(String word, int from, int end, Ids ids) {
    Integer id = vocabulary().ids().get(word.substring(from, end));
    if (id != null) {
      ids.add(id);
      return;
    }
    // a merge may lead to a piece that the vocabulary lacks: fall back to its bytes
    for (int at = from; at < end; at++) {
      Integer byteId = vocabulary().ids().get(word.substring(at, at + 1));
      if (byteId != null) {
        ids.add(byteId);
      }
    }
  }

  @Override
  byte[] bytes(int id) {
    return bytes[id];
  }

  @Override
  boolean addsSpace() {
    return false;
  }
}
