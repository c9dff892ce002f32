package io.kvarena.llm.cli;

import io.kvarena.KvFootprint;
import io.kvarena.llm.model.HyperParameters;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Says how many bytes a context will take, before any are taken. */
@Command(
    name = "size",
    description = "Bytes of keys and values for a context, before anything is allocated.")
final class Size implements Callable<Integer> {
  @Spec
  @SuppressWarnings("NullAway.Init") // picocli sets it
  private CommandSpec spec;

  @Mixin private final ModelOptions modelOptions = new ModelOptions();
  @Mixin private final CacheOptions cacheOptions = new CacheOptions();
  @Mixin private final OutputOptions output = new OutputOptions();

  @Option(
      names = "--context",
      paramLabel = "N",
      description = "Tokens; the model's context if not given.")
  private @Nullable Integer context;

  @Override
  public Integer call() {
    HyperParameters sizes = modelOptions.sizes();
    int tokens = context == null ? sizes.contextLength() : context;
    if (tokens < 1) {
      throw new ParameterException(
          spec.commandLine(),
          "--context must be positive: context=" + tokens + "; give the tokens to hold");
    }
    KvFootprint footprint = cacheOptions.footprint(sizes.shape(), tokens);
    new Table()
        .row("context", "%,d tokens, %d layers", tokens, sizes.layers())
        .row("KV cache", "%,d bytes (%s)", footprint.bytes(), Table.bytes(footprint.bytes()))
        .row("sealed pages", "%,d bytes", footprint.sealedBytes())
        .row("raw tails", "%,d bytes at most", footprint.tailBytes())
        .row("block tables", "%,d bytes", footprint.tableBytes())
        .row("transforms", "%,d bytes", footprint.transformBytes())
        .row("per token", "%,.1f bytes", footprint.bytes() / (double) tokens)
        .row(
            "plain f16",
            "%,d bytes (%s), %.2f times as much",
            footprint.f16Bytes(),
            Table.bytes(footprint.f16Bytes()),
            footprint.compression())
        .print(output.text());
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("context", tokens);
    fields.put("keys", cacheOptions.keys().toString());
    fields.put("values", cacheOptions.values().toString());
    fields.put("pinned", cacheOptions.pinned());
    fields.put("recent", cacheOptions.recent());
    fields.put("pageTokens", cacheOptions.pageTokens());
    fields.put("kvBytes", footprint.bytes());
    fields.put("sealedBytes", footprint.sealedBytes());
    fields.put("tailBytes", footprint.tailBytes());
    fields.put("tailBytesAtRest", footprint.restBytes());
    fields.put("tableBytes", footprint.tableBytes());
    fields.put("transformBytes", footprint.transformBytes());
    fields.put("kvBytesF16", footprint.f16Bytes());
    output.result(fields);
    return 0;
  }
}
