package io.kvarena.llm.cli;

import io.kvarena.tier.disk.DiskVerify;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Checks every page of a store. */
@Command(
    name = "verify",
    description = {
      "Reads every page and record of a store and checks it; what is in doubt is dropped.",
      "Ends with 1 if something was."
    })
final class Verify implements Callable<Integer> {
  @Spec
  @SuppressWarnings("NullAway.Init") // picocli sets it
  private CommandSpec spec;

  @Mixin private final OutputOptions output = new OutputOptions();

  @Parameters(paramLabel = "DIR", description = "The store, as --store names it.")
  @SuppressWarnings("NullAway.Init") // picocli sets it
  private Path store;

  @Override
  public Integer call() {
    Path kept = directory(store, spec);
    DiskVerify found = DiskVerify.of(kept);
    PrintStream text = output.text();
    found.findings().forEach(text::println);
    new Table()
        .row("pages", "%,d good", found.pages())
        .row("records", "%,d good", found.records())
        .row("bytes", "%,d", found.bytes())
        .row("dropped", "%,d", found.dropped())
        .print(text);
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("pages", found.pages());
    fields.put("records", found.records());
    fields.put("bytes", found.bytes());
    fields.put("dropped", found.dropped());
    fields.put("findings", found.findings());
    output.result(fields);
    return found.findings().isEmpty() ? 0 : 1;
  }

  /** Where a store keeps what outlives the program; a tier's own directory may be named too. */
  static Path directory(Path store, CommandSpec spec) {
    Path kept = StoreOptions.kept(store);
    if (Files.isDirectory(kept)) {
      return kept;
    }
    if (!Files.isDirectory(store)) {
      throw new ParameterException(
          spec.commandLine(),
          "no such directory: store=" + store + "; name the directory given to --store");
    }
    return store;
  }
}
