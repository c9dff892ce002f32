package io.kvarena.llm.tokenizer;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How byte-level BPE cuts a text before merging, one entry for each rule among the families this
 * library runs: patterns applied in turn to what the one before left, matches and gaps alike.
 */
@SuppressWarnings("ImmutableEnumChecker") // both fields are unmodifiable copies
enum PreTokenizer {
  GPT2(Set.of("gpt-2", "phi-2", "mpt", "olmo", "jais"), Patterns.GPT2),
  LLAMA3(
      Set.of("llama-bpe", "llama3", "llama-v3", "falcon3"),
      Patterns.CONTRACTIONS
          + "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}"
          + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"),
  QWEN2(
      Set.of("qwen2", "deepseek-r1-qwen", "stablelm2"),
      Patterns.CONTRACTIONS
          + "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"
          + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"),
  SMOLLM(
      Set.of("smollm", "starcoder", "refact", "command-r", "codeshell", "exaone"),
      "\\p{N}",
      Patterns.GPT2),
  /** What llama.cpp does with files that name no rule. */
  DEFAULT(
      Set.of("default"), "[\\p{P}\\$\\+<=>\\^~\\|]+", Patterns.GPT2, "\\p{N}+", "[0-9][0-9][0-9]");

  private static final AtomicBoolean FALLBACK_LOGGED = new AtomicBoolean();
  private static final System.Logger LOG = System.getLogger(PreTokenizer.class.getName());

  private static final class Patterns {
    static final String GPT2 =
        "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)";
    static final String CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
  }

  private final Set<String> names;
  private final List<Pattern> patterns;

  PreTokenizer(Set<String> names, String... patterns) {
    this.names = names;
    List<Pattern> compiled = new ArrayList<>();
    for (String pattern : patterns) {
      // in these patterns \s is any Unicode white space, in Java's only the ASCII ones
      String unicode =
          pattern.replace("\\s", "\\p{IsWhite_Space}").replace("\\S", "\\P{IsWhite_Space}");
      compiled.add(Pattern.compile(unicode));
    }
    this.patterns = List.copyOf(compiled);
  }

  /** The rule that a file calls {@code name}; {@link #GPT2} for a name that is not known. */
  static PreTokenizer named(String name) {
    for (PreTokenizer rule : values()) {
      if (rule.names.contains(name)) {
        return rule;
      }
    }
    if (!FALLBACK_LOGGED.getAndSet(true)) {
      LOG.log(
          System.Logger.Level.WARNING,
          "unknown pre-tokenizer, text may be cut differently: tokenizer.ggml.pre={0}, used=gpt-2;"
              + " give token ids where they must be exact",
          name);
    }
    return GPT2;
  }

  /** The pieces of {@code text}, none empty, which together are the text. */
  List<String> split(String text) {
    List<String> pieces = List.of(text);
    for (Pattern pattern : patterns) {
      List<String> finer = new ArrayList<>();
      for (String piece : pieces) {
        split(pattern, piece, finer);
      }
      pieces = finer;
    }
    return pieces;
  }

  private static void split(Pattern pattern, String text, List<String> pieces) {
    Matcher matcher = pattern.matcher(text);
    int from = 0;
    while (matcher.find()) {
      if (matcher.start() > from) {
        pieces.add(text.substring(from, matcher.start()));
      }
      pieces.add(matcher.group());
      from = matcher.end();
    }
    if (from < text.length()) {
      pieces.add(text.substring(from));
    }
  }
}
