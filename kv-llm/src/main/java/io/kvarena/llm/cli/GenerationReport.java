package io.kvarena.llm.cli;

import io.kvarena.KvStats;
import io.kvarena.llm.model.LanguageModel;
import java.util.LinkedHashMap;
import java.util.Map;

/** What a generation cost, for people and for programs. */
final class GenerationReport {
  private final LanguageModel model;
  private final CacheOptions options;
  private final Generation generation;

  GenerationReport(LanguageModel model, CacheOptions options, Generation generation) {
    this.model = model;
    this.options = options;
    this.generation = generation;
  }

  private long kvBytesF16() {
    return generation.kvTokens() * model.shape().bytesPerTokenF16();
  }

  Table table() {
    KvStats stats = generation.stats();
    int tokens = generation.kvTokens();
    double perToken = stats.kvBytes() / (double) tokens;
    long f16PerToken = model.shape().bytesPerTokenF16();
    long read = generation.decodeSealedBytes() + generation.decodeTailBytes();
    return new Table()
        .row(
            "tokens",
            "%,d prompt%s + %,d generated",
            generation.promptIds().length,
            generation.found() == 0 ? "" : " (%,d found)".formatted(generation.found()),
            generation.generatedIds().length)
        .row(
            "speed",
            "%,.0f tok/s prompt, %,.0f tok/s generated",
            generation.promptTokensPerSecond(),
            generation.tokensPerSecond())
        .row(
            "KV cache",
            "%s for %,d tokens: keys %s, values %s",
            Table.bytes(stats.kvBytes()),
            tokens,
            options.keys().toString(),
            options.values().toString())
        .row(
            "per token",
            "%,.0f bytes, %.0f %% of f16's %,d (%s sealed, %s in the raw tail)",
            perToken,
            100 * perToken / f16PerToken,
            f16PerToken,
            Table.bytes(stats.sealedBytes()),
            Table.bytes(stats.tailBytes()))
        .row("pages", "%,d of %d tokens", stats.sealedPages(), options.pageTokens())
        .row("transforms", "%,d bytes", stats.transformBytes())
        .row("kernel", "%s", stats.kernel())
        .row(
            "KV read",
            "%s while generating, %.2f GB/s in the kernel, %.1f %% from sealed pages",
            Table.bytes(read),
            generation.gigabytesPerSecond(),
            read == 0 ? 0 : 100.0 * generation.decodeSealedBytes() / read);
  }

  /** The fields of the JSON object; more may be added by the caller. */
  Map<String, Object> fields() {
    KvStats stats = generation.stats();
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("model", model.name());
    fields.put("kernel", stats.kernel());
    fields.put("keys", options.keys().toString());
    fields.put("values", options.values().toString());
    fields.put("promptIds", generation.promptIds());
    fields.put("foundTokens", generation.found());
    fields.put("generatedIds", generation.generatedIds());
    fields.put("text", generation.text());
    fields.put("pinned", options.pinned());
    fields.put("recent", options.recent());
    fields.put("kvBytes", stats.kvBytes());
    fields.put("transformBytes", stats.transformBytes());
    fields.put("kvBytesF16", kvBytesF16());
    fields.put("tokensPerSecond", generation.tokensPerSecond());
    fields.put("promptTokensPerSecond", generation.promptTokensPerSecond());
    fields.put("kvReadGigabytesPerSecond", generation.gigabytesPerSecond());
    fields.put("pageTokens", options.pageTokens());
    fields.put("pages", stats.sealedPages());
    return fields;
  }
}
