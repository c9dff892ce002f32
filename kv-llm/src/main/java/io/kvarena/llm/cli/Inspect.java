package io.kvarena.llm.cli;

import io.kvarena.tier.disk.DiskSummary;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** What lies in a store. */
@Command(name = "inspect", description = "Shows the files, pages and records of a store.")
final class Inspect implements Callable<Integer> {
  @Spec
  @SuppressWarnings("NullAway.Init") // picocli sets it
  private CommandSpec spec;

  @Mixin private final OutputOptions output = new OutputOptions();

  @Parameters(paramLabel = "DIR", description = "The store, as --store names it.")
  @SuppressWarnings("NullAway.Init") // picocli sets it
  private Path store;

  @Override
  public Integer call() {
    DiskSummary found = DiskSummary.of(Verify.directory(store, spec));
    output.text().println(found.text());
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("fingerprint", found.fingerprint());
    fields.put("encrypted", found.encrypted());
    fields.put("pages", found.pages());
    fields.put("pageBytes", found.pageBytes());
    fields.put("diskBytes", found.diskBytes());
    fields.put("files", found.files().size());
    fields.put("records", found.records());
    fields.put("findings", found.findings());
    output.result(fields);
    return 0;
  }
}
