package io.kvarena.bench;

import io.kvarena.format.Formats;
import io.kvarena.format.PageFormat;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/**
 * Runs the benchmarks through JMH and turns what it says into rows.
 *
 * @param forks processes for each line; with 0 everything runs in this one, which is quick and, for
 *     kernels that do not share code, as good
 * @param iterations measured iterations; the median of their means counts
 * @param iterationMillis length of an iteration
 */
record Measurement(int forks, int iterations, long iterationMillis) {

  private ChainedOptionsBuilder options(Class<?> benchmark, List<String> formats) {
    return new OptionsBuilder()
        .include("\\Q" + benchmark.getName() + ".\\E.*")
        .param("format", formats.toArray(String[]::new))
        .forks(forks)
        .jvmArgsAppend("-Djmh.ignoreLock=true")
        .warmupIterations(2)
        .warmupTime(TimeValue.milliseconds(iterationMillis))
        .measurementIterations(iterations)
        .measurementTime(TimeValue.milliseconds(iterationMillis))
        .verbosity(VerboseMode.SILENT)
        .shouldFailOnError(true);
  }

  private static Collection<RunResult> run(ChainedOptionsBuilder options) {
    try {
      return new Runner(options.build()).run();
    } catch (RunnerException e) {
      throw new IllegalStateException("the benchmark failed: " + e.getMessage(), e);
    }
  }

  /** Decode steps of every kernel, format and context, with the read ceiling beside them. */
  List<Row> attention(
      List<String> kernels, List<String> formats, List<Integer> contexts, int threads) {
    Map<String, Double> micros = new HashMap<>();
    // Each of the ceiling's threads reads a whole context.
    List<String> reads = List.of(AttentionBenchmark.CEILING, AttentionBenchmark.PLAIN_READ);
    time(micros, reads, formats, contexts, threads, 0);
    micros.replaceAll((key, time) -> time / threads);
    time(micros, kernels, formats, contexts, 1, threads == 1 ? 0 : threads);
    List<String> names = new ArrayList<>(reads);
    names.addAll(kernels);
    List<Row> rows = new ArrayList<>();
    for (String format : formats) {
      for (int context : contexts) {
        double ceiling = micros.getOrDefault(key(AttentionBenchmark.CEILING, format, context), 0.0);
        for (String name : names) {
          double time = micros.getOrDefault(key(name, format, context), 0.0);
          double bytes = PagedContext.bytes(Formats.named(format), context);
          double elements = (double) context * PagedContext.LAYER.channelsPerToken();
          rows.add(
              new Row(
                  name,
                  format,
                  context,
                  threads,
                  time,
                  bytes / time / 1e3,
                  ceiling / time,
                  elements / time / 1e3));
        }
      }
    }
    return rows;
  }

  /** Chunks of queries under every kernel, the cache left out. */
  List<ChunkRow> prefill(
      List<String> kernels, List<String> formats, List<Integer> contexts, List<Integer> chunks) {
    List<ChunkRow> rows = new ArrayList<>();
    for (RunResult result :
        run(
            options(AttentionBenchmark.class, formats)
                .param("kernel", kernels.toArray(String[]::new))
                .param("context", strings(contexts))
                .param("chunk", strings(chunks)))) {
      int context = Integer.parseInt(result.getParams().getParam("context"));
      int chunk = Integer.parseInt(result.getParams().getParam("chunk"));
      double time = median(result);
      rows.add(
          new ChunkRow(
              result.getParams().getParam("kernel"),
              result.getParams().getParam("format"),
              context,
              chunk,
              time,
              2 * PagedContext.multiplyAdds(context, chunk) / time / 1e3));
    }
    return rows;
  }

  private static String[] strings(List<Integer> numbers) {
    return numbers.stream().map(String::valueOf).toArray(String[]::new);
  }

  /** Microseconds of a decode step of every kernel through a cache of one thread. */
  Map<String, Double> throughACache(List<String> kernels, String format, int context) {
    Map<String, Double> micros = new HashMap<>();
    time(micros, kernels, List.of(format), List.of(context), 1, 1);
    Map<String, Double> byKernel = new LinkedHashMap<>();
    for (String kernel : kernels) {
      byKernel.put(kernel, micros.getOrDefault(key(kernel, format, context), 0.0));
    }
    return byKernel;
  }

  private void time(
      Map<String, Double> micros,
      List<String> kernels,
      List<String> formats,
      List<Integer> contexts,
      int threads,
      int cacheThreads) {
    Collection<RunResult> results =
        run(
            options(AttentionBenchmark.class, formats)
                .param("kernel", kernels.toArray(String[]::new))
                .param("context", strings(contexts))
                .param("threads", String.valueOf(cacheThreads))
                .threads(threads));
    for (RunResult result : results) {
      micros.put(
          key(
              result.getParams().getParam("kernel"),
              result.getParams().getParam("format"),
              Integer.parseInt(result.getParams().getParam("context"))),
          median(result));
    }
  }

  private static String key(String kernel, String format, int context) {
    return kernel + " " + format + " " + context;
  }

  /** Appending through a sequence, writing raw rows alone, encoding alone; with a rotation too. */
  List<Row> append(List<String> kernels, List<String> formats) {
    List<Row> rows = new ArrayList<>();
    for (RunResult result :
        run(
            options(AppendBenchmark.class, formats)
                .param("kernel", kernels.toArray(String[]::new)))) {
      String name = result.getParams().getParam("format");
      String step = result.getPrimaryResult().getLabel();
      PageFormat format = Formats.named(name);
      PageFormat written = step.equals(AppendBenchmark.PUT) ? format.raw() : format;
      double bytes = PagedContext.bytes(written, PagedContext.PAGE_TOKENS);
      double time = median(result);
      rows.add(
          new Row(
              result.getParams().getParam("kernel") + " " + step,
              result.getParams().getParam("rotated").equals("true") ? name + "+hadamard" : name,
              0,
              1,
              time,
              bytes / time / 1e3,
              0,
              AppendBenchmark.ELEMENTS / time / 1e3));
    }
    return rows;
  }

  /**
   * Decode steps of batches with one prefix, in pages of each sequence's own and in shared ones.
   */
  List<PrefixRow> prefix(
      List<String> kernels, List<String> formats, int prefix, int sequences, int threads) {
    Map<String, Double> micros = new HashMap<>();
    for (RunResult result :
        run(
            options(PrefixBenchmark.class, formats)
                .param("kernel", kernels.toArray(String[]::new))
                .param("prefix", String.valueOf(prefix))
                .param("sequences", String.valueOf(sequences))
                .param("threads", String.valueOf(threads)))) {
      micros.put(
          result.getParams().getParam("kernel")
              + " "
              + result.getParams().getParam("format")
              + " "
              + result.getParams().getParam("shared"),
          median(result));
    }
    List<PrefixRow> rows = new ArrayList<>();
    for (String format : formats) {
      for (String kernel : kernels) {
        String key = kernel + " " + format + " ";
        rows.add(
            new PrefixRow(
                kernel,
                format,
                prefix,
                sequences,
                threads,
                micros.getOrDefault(key + false, 0.0),
                micros.getOrDefault(key + true, 0.0)));
      }
    }
    return rows;
  }

  private static double median(RunResult result) {
    return result.getPrimaryResult().getStatistics().getPercentile(50);
  }
}
