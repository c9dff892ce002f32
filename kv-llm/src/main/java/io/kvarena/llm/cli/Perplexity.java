package io.kvarena.llm.cli;

import io.kvarena.KvCache;
import io.kvarena.KvSequence;
import io.kvarena.KvStats;
import io.kvarena.llm.model.ForwardPass;
import io.kvarena.llm.model.LanguageModel;
import io.kvarena.llm.model.Score;
import io.kvarena.llm.tokenizer.Tokenizer.Controls;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Scores a text: how surprised the model is by each token, given what the cache kept. */
@Command(
    name = "perplexity",
    description = {
      "Perplexity of a text under the model, with its keys and values in the cache.",
      "The text is cut into windows; of each the first token is given and the rest are scored."
    })
final class Perplexity implements Callable<Integer> {
  @Spec
  @SuppressWarnings("NullAway.Init") // picocli sets it
  private CommandSpec spec;

  @Mixin private final ModelOptions modelOptions = new ModelOptions();
  @Mixin private final CacheOptions cacheOptions = new CacheOptions();
  @Mixin private final OutputOptions output = new OutputOptions();

  @ArgGroup(multiplicity = "1")
  @SuppressWarnings("NullAway.Init") // picocli sets it
  private Source source;

  /** What to score: one of these. */
  static final class Source {
    @Option(names = "--ids", paramLabel = "FILE", description = "A JSON array of token ids.")
    private @Nullable Path ids;

    @Option(names = "--text", paramLabel = "FILE", description = "A text in UTF-8.")
    private @Nullable Path text;
  }

  @Option(
      names = "--window",
      paramLabel = "N",
      description = "Tokens in a window; the model's context if not given.")
  private @Nullable Integer window;

  @Override
  public Integer call() {
    try (LanguageModel model = modelOptions.load()) {
      int length = window == null ? model.hyper().contextLength() : window;
      if (length < 2) {
        throw wrong("--window must be at least 2: window=" + length + "; the first token is given");
      }
      int[] ids = ids(model);
      // a context can be far longer than the text
      length = Math.min(length, ids.length);
      try (KvCache cache = cacheOptions.build(model.shape(), length)) {
        report(model, score(model, cache, ids, length), length);
      }
    }
    return 0;
  }

  private int[] ids(LanguageModel model) {
    int[] ids =
        source.ids != null
            ? IdsFile.readIds(source.ids)
            : model.tokenizer().encode(IdsFile.read(textFile()), Controls.AS_TEXT);
    if (ids.length < 2) {
      throw wrong("nothing to score: tokens=" + ids.length + "; give at least two tokens");
    }
    return ids;
  }

  private Path textFile() {
    if (source.text == null) {
      throw wrong("nothing to score; give --ids or --text");
    }
    return source.text;
  }

  /** Sums of what was scored, over all windows. */
  private static final class Total {
    double nll;
    long tokens;
    long nanos;
    @Nullable KvStats last;
  }

  private Total score(LanguageModel model, KvCache cache, int[] ids, int length) {
    ForwardPass pass = new ForwardPass(model);
    Total total = new Total();
    int windows = Math.ceilDiv(ids.length, length);
    long start = System.nanoTime();
    for (int from = 0; from + 1 < ids.length; from += length) {
      int[] given = Arrays.copyOfRange(ids, from, Math.min(ids.length, from + length));
      try (KvSequence sequence = cache.open()) {
        pass.forwardAll(
            sequence,
            given,
            (index, logits) -> {
              if (index + 1 < given.length) {
                total.nll += Score.nll(logits, given[index + 1]);
                total.tokens++;
              }
            });
        total.last = cache.stats();
      }
      total.nanos = System.nanoTime() - start;
      progress(from / length + 1, windows, total);
    }
    return total;
  }

  private static void progress(int done, int windows, Total total) {
    if (Terminal.isInteractive()) {
      String end = done == windows ? "\033[2K\r" : "";
      Terminal.err()
          .printf("\rwindow %,d of %,d: %.4f nats%s", done, windows, total.nll / total.tokens, end);
    }
  }

  private void report(LanguageModel model, Total total, int length) {
    KvStats stats = Objects.requireNonNull(total.last);
    double nll = total.nll / total.tokens;
    long read = stats.sealedBytesRead() + stats.tailBytesRead();
    double sealedShare = read == 0 ? 0 : stats.sealedBytesRead() / (double) read;
    new Table()
        .row("perplexity", "%.4f (%.6f nats a token)", Math.exp(nll), nll)
        .row("scored", "%,d tokens in windows of %,d", total.tokens, length)
        .row("speed", "%,.0f tok/s", total.tokens / (total.nanos / 1e9))
        .row(
            "KV cache",
            "keys %s, values %s",
            cacheOptions.keys().toString(),
            cacheOptions.values().toString())
        .row("kernel", "%s", stats.kernel())
        .row("KV read", "%s, %.1f %% from sealed pages", Table.bytes(read), 100 * sealedShare)
        .print(output.text());
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("model", model.name());
    fields.put("kernel", stats.kernel());
    fields.put("keys", cacheOptions.keys().toString());
    fields.put("values", cacheOptions.values().toString());
    fields.put("window", length);
    fields.put("nll", nll);
    fields.put("perplexity", Math.exp(nll));
    fields.put("tokens", total.tokens);
    fields.put("sealedShareOfBytesRead", sealedShare);
    output.result(fields);
  }

  private ParameterException wrong(String message) {
    return new ParameterException(spec.commandLine(), message);
  }
}
