package io.kvarena.llm.tokenizer;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Finds pieces that are one token wherever they stand: leftmost first, the longest of those. */
final class SpecialTokens {

  /** A stretch of a text. */
  sealed interface Part {
    record Special(int id) implements Part {}

    record Text(String text) implements Part {}
  }

  private record Special(String piece, int id) {}

  private final Map<Character, List<Special>> byFirstChar = new HashMap<>();

  static SpecialTokens of(Vocabulary vocabulary, TokenType first, TokenType... rest) {
    Set<TokenType> wanted = EnumSet.of(first, rest);
    SpecialTokens specials = new SpecialTokens();
    for (int id = 0; id < vocabulary.size(); id++) {
      String piece = vocabulary.piece(id);
      if (wanted.contains(vocabulary.type(id)) && !piece.isEmpty()) {
        specials
            .byFirstChar
            .computeIfAbsent(piece.charAt(0), c -> new ArrayList<>())
            .add(new Special(piece, id));
      }
    }
    for (List<Special> list : specials.byFirstChar.values()) {
      list.sort(Comparator.comparingInt((Special s) -> -s.piece().length()));
    }
    return specials;
  }

  /** The parts of {@code text} in order; text parts are not empty. */
  List<Part> split(String text) {
    List<Part> parts = new ArrayList<>();
    int from = 0;
    int at = 0;
    while (at < text.length()) {
      Special found = at(text, at);
      if (found == null) {
        at++;
        continue;
      }
      if (at > from) {
        parts.add(new Part.Text(text.substring(from, at)));
      }
      parts.add(new Part.Special(found.id()));
      at += found.piece().length();
      from = at;
    }
    if (from < text.length()) {
      parts.add(new Part.Text(text.substring(from)));
    }
    return parts;
  }

  private @Nullable Special at(String text, int at) {
    for (Special special : byFirstChar.getOrDefault(text.charAt(at), List.of())) {
      if (text.startsWith(special.piece(), at)) {
        return special;
      }
    }
    return null;
  }
}
