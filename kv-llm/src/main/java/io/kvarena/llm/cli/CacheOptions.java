package io.kvarena.llm.cli;

import io.kvarena.KvCache;
import io.kvarena.KvCacheBuilder;
import io.kvarena.KvFootprint;
import io.kvarena.KvShape;
import io.kvarena.attention.AttentionKernel;
import io.kvarena.attention.KernelOffer;
import io.kvarena.attention.Kernels;
import io.kvarena.format.Formats;
import io.kvarena.format.PageFormat;
import io.kvarena.transform.Encoding;
import java.util.Iterator;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/** How the cache holds keys and values, and which kernel attends. */
final class CacheOptions {
  /** Room beside the pages of one context: the last slab and superblocks that are part used. */
  private static final long SLACK_BYTES = 128L << 20;

  @Spec(Spec.Target.MIXEE)
  @SuppressWarnings("NullAway.Init") // picocli sets it
  private CommandSpec spec;

  @Option(
      names = "--keys",
      paramLabel = "ENCODING",
      defaultValue = "q8_0",
      converter = EncodingConverter.class,
      completionCandidates = FormatNames.class,
      description =
          "Format of sealed keys: ${COMPLETION-CANDIDATES}; and any of +centred +balanced +hadamard"
              + " behind it; q8_0 if not given.")
  @SuppressWarnings("NullAway.Init") // picocli sets it
  private Encoding keys;

  @Option(
      names = "--values",
      paramLabel = "ENCODING",
      defaultValue = "q8_0",
      converter = EncodingConverter.class,
      completionCandidates = FormatNames.class,
      description =
          "Format of sealed values: ${COMPLETION-CANDIDATES}; and +hadamard behind it or not; q8_0 if"
              + " not given.")
  @SuppressWarnings("NullAway.Init") // picocli sets it
  private Encoding values;

  @Option(
      names = "--pinned",
      paramLabel = "N",
      defaultValue = "0",
      description = "First tokens whose pages are kept raw; ${DEFAULT-VALUE} if not given.")
  private int pinned;

  @Option(
      names = "--recent",
      paramLabel = "N",
      defaultValue = "0",
      description = "Newest tokens that are read raw; ${DEFAULT-VALUE} if not given.")
  private int recent;

  @Option(
      names = "--kernel",
      paramLabel = "NAME",
      converter = KernelConverter.class,
      completionCandidates = KernelNames.class,
      description = "Attention kernel: ${COMPLETION-CANDIDATES}; the best usable one if not given.")
  private @Nullable AttentionKernel kernel;

  @Option(
      names = "--page-tokens",
      paramLabel = "N",
      defaultValue = "32",
      description = "Tokens in a page: 8, 16, ... 64; ${DEFAULT-VALUE} if not given.")
  private int pageTokens;

  Encoding keys() {
    return keys;
  }

  Encoding values() {
    return values;
  }

  int pinned() {
    return pinned;
  }

  int recent() {
    return recent;
  }

  int pageTokens() {
    return pageTokens;
  }

  /** What a sequence of {@code tokens} will take. */
  KvFootprint footprint(KvShape shape, long tokens) {
    try {
      // What the builder refuses is refused here too, before any bytes are counted.
      KvCache.builder(shape).keys(keys).values(values).pinned(pinned).recent(recent);
      return KvFootprint.of(shape, tokens, pageTokens, 0, keys, values, pinned, recent);
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), e.getMessage(), e);
    }
  }

  /** A cache with room for one sequence of {@code tokens}. */
  KvCache build(KvShape shape, long tokens) {
    try {
      return builder(shape, tokens).build();
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), e.getMessage(), e);
    }
  }

  /** How such a cache is set up. */
  KvCacheBuilder builder(KvShape shape, long tokens) {
    KvCacheBuilder builder =
        KvCache.builder(shape)
            .keys(keys)
            .values(values)
            .pinned(pinned)
            .recent(recent)
            .pageTokens(pageTokens)
            .maxBytes(footprint(shape, tokens).bytes() * 5 / 4 + SLACK_BYTES);
    if (kernel != null) {
      builder.kernel(kernel);
    }
    return builder;
  }

  private static final class EncodingConverter implements ITypeConverter<Encoding> {
    @Override
    public Encoding convert(String name) {
      try {
        return Encoding.parse(name);
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(e.getMessage());
      }
    }
  }

  private static final class KernelConverter implements ITypeConverter<AttentionKernel> {
    @Override
    public AttentionKernel convert(String name) {
      try {
        return Kernels.named(name);
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(e.getMessage());
      }
    }
  }

  private static final class FormatNames implements Iterable<String> {
    @Override
    public Iterator<String> iterator() {
      return Formats.all().stream().map(PageFormat::name).iterator();
    }
  }

  private static final class KernelNames implements Iterable<String> {
    @Override
    public Iterator<String> iterator() {
      List<KernelOffer> offers = Kernels.offers();
      return offers.stream()
          .filter(offer -> offer.usableKernel().isPresent())
          .map(KernelOffer::name)
          .iterator();
    }
  }
}
