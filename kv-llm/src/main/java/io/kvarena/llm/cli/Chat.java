package io.kvarena.llm.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.kvarena.KvCache;
import io.kvarena.KvSequence;
import io.kvarena.llm.model.LanguageModel;
import io.kvarena.llm.sampling.Sampler;
import io.kvarena.llm.sampling.Temperature;
import io.kvarena.llm.tokenizer.Tokenizer;
import io.kvarena.llm.tokenizer.Tokenizer.Controls;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** A conversation that is kept on disk, turn by turn, and goes on where it was. */
@Command(
    name = "chat",
    description = {
      "A conversation that is kept on disk after each turn and goes on after a restart without"
          + " reading it again.",
      "Reads turns from standard input, a line each, unless --prompt gives one."
    })
final class Chat implements Callable<Integer> {
  private static final int TOKENS_DEFAULT = 128;

  @Spec
  @SuppressWarnings("NullAway.Init") // picocli sets it
  private CommandSpec spec;

  @Mixin private final ModelOptions modelOptions = new ModelOptions();
  @Mixin private final CacheOptions cacheOptions = new CacheOptions();
  @Mixin private final StoreOptions store = new StoreOptions();
  @Mixin private final OutputOptions output = new OutputOptions();

  @Option(
      names = "--session",
      required = true,
      paramLabel = "NAME",
      description = "The conversation's name: letters, digits, dots, dashes, underscores.")
  @SuppressWarnings("NullAway.Init") // picocli sets it
  private String session;

  @Option(names = "--prompt", paramLabel = "TEXT", description = "One turn; then the end.")
  private @Nullable String prompt;

  @Option(
      names = "--tokens",
      paramLabel = "N",
      defaultValue = "" + TOKENS_DEFAULT,
      description = "Tokens to generate in a turn at most; ${DEFAULT-VALUE} if not given.")
  private int tokens;

  @Option(
      names = "--temperature",
      paramLabel = "T",
      defaultValue = "0",
      description = "0, the default, takes the likeliest token.")
  private double temperature;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "1",
      description = "Equal seeds give equal texts; ${DEFAULT-VALUE} if not given.")
  private long seed;

  @Option(names = "--drop", description = "Forget the conversation instead.")
  private boolean drop;

  @Override
  public Integer call() throws IOException {
    if (tokens < 1) {
      throw wrong("--tokens must be positive: tokens=" + tokens + "; generate at least one");
    }
    Sampler sampler = sampler();
    try (LanguageModel model = modelOptions.load();
        StoreOptions.Stored stored =
            store.build(
                cacheOptions.builder(model.shape(), model.hyper().contextLength()),
                true,
                model.identity())) {
      if (drop) {
        stored.cache().drop(session);
      } else {
        converse(model, stored.cache(), sampler);
      }
    }
    return 0;
  }

  private Sampler sampler() {
    if (temperature < 0) {
      throw wrong(
          "temperature is not negative: temperature="
              + temperature
              + "; use 0 for the likeliest token");
    }
    return temperature == 0
        ? Sampler.GREEDY
        : new Temperature(temperature, 0, 1, new SplittableRandom(seed));
  }

  private void converse(LanguageModel model, KvCache cache, Sampler sampler) throws IOException {
    PrintStream text = output.text();
    long start = System.nanoTime();
    Optional<KvSequence> kept = cache.restore(session);
    double restoreMillis = (System.nanoTime() - start) / 1e6;
    // The last token of a turn is not in the cache yet: nobody has asked what follows it.
    int[] pending = kept.isPresent() ? ids(cache.note(session).orElseThrow()) : new int[0];
    try (KvSequence sequence = kept.orElseGet(cache::open)) {
      if (kept.isPresent()) {
        Terminal.err()
            .printf(
                "session %s: %,d tokens restored in %.1f ms%n",
                session, sequence.length(), restoreMillis);
      }
      if (prompt != null) {
        turn(model, cache, sequence, sampler, pending, prompt, kept.isPresent(), restoreMillis);
        return;
      }
      BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, UTF_8));
      boolean restored = kept.isPresent();
      for (String line = ask(text, lines); line != null; line = ask(text, lines)) {
        if (!line.isBlank()) {
          pending = turn(model, cache, sequence, sampler, pending, line, restored, restoreMillis);
        }
      }
    }
  }

  private static @Nullable String ask(PrintStream text, BufferedReader lines) throws IOException {
    if (Terminal.isInteractive()) {
      text.print("> ");
      text.flush();
    }
    return lines.readLine();
  }

  /** A turn, kept when it is done; the tokens that the next one must feed first. */
  private int[] turn(
      LanguageModel model,
      KvCache cache,
      KvSequence sequence,
      Sampler sampler,
      int[] pending,
      String said,
      boolean restored,
      double restoreMillis) {
    Tokenizer tokenizer = model.tokenizer();
    int before = sequence.length();
    boolean first = before == 0 && pending.length == 0;
    int[] ids =
        join(
            pending,
            first
                ? tokenizer.encode(said, Controls.AS_TEXT)
                : tokenizer.encodePlain(said, Controls.AS_TEXT));
    int room = model.hyper().contextLength() - before - ids.length;
    if (room < 1) {
      throw wrong(
          "the conversation is as long as the context: session="
              + session
              + ", tokens="
              + (before + ids.length)
              + ", context="
              + model.hyper().contextLength()
              + "; begin another one, or forget this one with --drop");
    }
    TextColumn column = new TextColumn(output.text(), Terminal.isInteractive(), said);
    Generation generation =
        Generation.goOn(model, cache, sequence, sampler, ids, 0, Math.min(tokens, room), column);
    column.end();
    int[] generated = generation.generatedIds();
    int[] fed = join(ids, generated);
    int[] left = Arrays.copyOfRange(fed, sequence.length() - before, fed.length);
    long start = System.nanoTime();
    sequence.checkpoint(session, note(left));
    double keepMillis = (System.nanoTime() - start) / 1e6;
    output.text().println();
    output.result(fields(generation, sequence, restored ? before : 0, restoreMillis, keepMillis));
    return left;
  }

  private Map<String, Object> fields(
      Generation generation,
      KvSequence sequence,
      int restored,
      double restoreMillis,
      double keepMillis) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("session", session);
    fields.put("restoredTokens", restored);
    fields.put("restoreMillis", restored == 0 ? 0 : restoreMillis);
    fields.put("promptTokens", generation.promptIds().length);
    fields.put("promptMillis", generation.promptNanos() / 1e6);
    fields.put("generatedIds", generation.generatedIds());
    fields.put("text", generation.text());
    fields.put("tokens", sequence.length());
    fields.put("checkpointMillis", keepMillis);
    return fields;
  }

  private static int[] join(int[] one, int[] other) {
    int[] both = Arrays.copyOf(one, one.length + other.length);
    System.arraycopy(other, 0, both, one.length, other.length);
    return both;
  }

  private static byte[] note(int[] ids) {
    ByteBuffer note = ByteBuffer.allocate(4 * ids.length);
    note.asIntBuffer().put(ids);
    return note.array();
  }

  private static int[] ids(byte[] note) {
    int[] ids = new int[note.length / 4];
    ByteBuffer.wrap(note).asIntBuffer().get(ids);
    return ids;
  }

  private ParameterException wrong(String message) {
    return new ParameterException(spec.commandLine(), message);
  }
}
