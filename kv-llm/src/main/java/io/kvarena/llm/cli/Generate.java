package io.kvarena.llm.cli;

import io.kvarena.KvCacheBuilder;
import io.kvarena.llm.model.LanguageModel;
import io.kvarena.llm.sampling.Sampler;
import io.kvarena.llm.sampling.Temperature;
import io.kvarena.llm.tokenizer.Tokenizer.Controls;
import java.io.PrintStream;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Continues a prompt; without one, shows what the cache does. */
@Command(
    name = "generate",
    description = {
      "Continues a prompt from a quantised, paged KV cache.",
      "Without a prompt: a paragraph of prose, then a pass key found far back in a long prompt."
    })
final class Generate implements Callable<Integer> {
  private static final int TOKENS_DEFAULT = 128;

  @Spec
  @SuppressWarnings("NullAway.Init") // picocli sets it
  private CommandSpec spec;

  @Mixin private final ModelOptions modelOptions = new ModelOptions();
  @Mixin private final CacheOptions cacheOptions = new CacheOptions();
  @Mixin private final StoreOptions store = new StoreOptions();
  @Mixin private final OutputOptions output = new OutputOptions();

  @ArgGroup private @Nullable Prompt prompt;

  /** What to continue: one of these. */
  static final class Prompt {
    @Option(names = "--prompt", paramLabel = "TEXT", description = "The text to continue.")
    private @Nullable String text;

    @Option(
        names = "--prompt-ids",
        paramLabel = "ID",
        split = ",",
        description = "The tokens to continue, as they are: 1,403,...")
    private int @Nullable [] ids;
  }

  @Option(
      names = "--tokens",
      paramLabel = "N",
      description = "Tokens to generate at most; " + TOKENS_DEFAULT + " if not given.")
  private @Nullable Integer tokens;

  @Option(
      names = "--temperature",
      paramLabel = "T",
      description = "0 takes the likeliest token and is the default for a prompt; 0.8 suits prose.")
  private @Nullable Double temperature;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "1",
      description = "Equal seeds give equal texts; ${DEFAULT-VALUE} if not given.")
  private long seed;

  @Option(
      names = "--top-k",
      paramLabel = "N",
      defaultValue = "0",
      description = "Sample from the N likeliest tokens; 0, the default, is all.")
  private int topK;

  @Option(
      names = "--top-p",
      paramLabel = "P",
      defaultValue = "1",
      description = "Sample from the fewest tokens that reach this probability; 1 if not given.")
  private double topP;

  @Option(
      names = "--context",
      paramLabel = "N",
      description = "Room for prompt and answer in tokens; the model's context if not given.")
  private @Nullable Integer context;

  @Override
  public Integer call() {
    PrintStream text = output.text();
    try (LanguageModel model = modelOptions.load()) {
      if (prompt != null) {
        continuePrompt(model, promptIds(model, prompt), text);
      } else if (modelOptions.isEmbedded()) {
        demonstrate(model, text);
      } else {
        throw wrong("no prompt: give --prompt or --prompt-ids; only the embedded model has a demo");
      }
    }
    return 0;
  }

  private void continuePrompt(LanguageModel model, int[] ids, PrintStream text) {
    int room = room(model);
    int count = tokens == null ? Math.clamp(room - ids.length, 1, TOKENS_DEFAULT) : tokens;
    if (count < 1) {
      throw wrong("--tokens must be positive: tokens=" + count + "; generate at least one");
    }
    if (ids.length > room - count) {
      throw wrong(
          "prompt and answer do not fit the context: prompt="
              + ids.length
              + ", tokens="
              + count
              + ", context="
              + room
              + "; shorten the prompt, ask for fewer --tokens or raise --context");
    }
    Sampler sampler = sampler(temperature == null ? 0 : temperature);
    String leadIn = prompt != null && prompt.text != null ? prompt.text : "";
    TextColumn column = new TextColumn(text, Terminal.isInteractive(), leadIn);
    Generation generation;
    try (StoreOptions.Stored stored = stored(model, ids.length + count)) {
      generation = Generation.run(model, stored.cache(), sampler, ids, count, column);
      if (stored.kept() != null) {
        stored.cache().checkpoint();
      }
    }
    column.end();
    GenerationReport report = new GenerationReport(model, cacheOptions, generation);
    text.println();
    report.table().print(text);
    output.result(report.fields());
  }

  /** A cache for a text; with a store one that knows the beginnings of earlier prompts. */
  private StoreOptions.Stored stored(LanguageModel model, int tokens) {
    KvCacheBuilder builder = cacheOptions.builder(model.shape(), tokens);
    if (!store.isSet()) {
      return store.build(builder, false, "");
    }
    boolean keep = cacheOptions.recent() == 0;
    if (keep) {
      builder.prefixes(cacheOptions.footprint(model.shape(), tokens).bytes());
    }
    return store.build(builder, keep, model.identity());
  }

  private void demonstrate(LanguageModel model, PrintStream text) {
    Demo demo = new Demo(model, cacheOptions, text);
    int count = tokens == null ? TOKENS_DEFAULT : tokens;
    output.result(demo.run(sampler(temperature == null ? 0.8 : temperature), count));
  }

  private int room(LanguageModel model) {
    int trained = model.hyper().contextLength();
    if (context == null) {
      return trained;
    }
    if (context < 1) {
      throw wrong("--context must be positive: context=" + context + "; give the tokens to hold");
    }
    if (context > trained) {
      Terminal.err()
          .printf(
              "note: the model was trained on shorter texts: context=%d, trained=%d%n",
              context, trained);
    }
    return context;
  }

  private int[] promptIds(LanguageModel model, Prompt given) {
    if (given.ids == null) {
      String text = given.text == null ? "" : given.text;
      int[] ids = model.tokenizer().encode(text, Controls.PARSE);
      if (ids.length == 0) {
        throw wrong("the prompt has no tokens: prompt=\"\"; give some text");
      }
      return ids;
    }
    for (int id : given.ids) {
      if (id < 0 || id >= model.hyper().vocabulary()) {
        throw wrong(
            "token id out of range: id="
                + id
                + ", vocabulary="
                + model.hyper().vocabulary()
                + "; use ids of this model's tokenizer");
      }
    }
    return given.ids;
  }

  private Sampler sampler(double warmth) {
    if (warmth < 0) {
      throw wrong(
          "temperature is not negative: temperature=" + warmth + "; use 0 for the likeliest token");
    }
    if (warmth == 0) {
      return Sampler.GREEDY;
    }
    try {
      return new Temperature(warmth, topK, topP, new SplittableRandom(seed));
    } catch (IllegalArgumentException e) {
      throw wrong(String.valueOf(e.getMessage()));
    }
  }

  private ParameterException wrong(String message) {
    return new ParameterException(spec.commandLine(), message);
  }
}
