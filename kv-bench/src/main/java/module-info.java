import org.jspecify.annotations.NullMarked;

/** Benchmarks of the store and of attention, what formats cost, and the trace simulator. */
@NullMarked
module io.kvarena.bench {
  requires static org.jspecify;
  requires io.kvarena;
  requires io.kvarena.ffi;
  requires io.kvarena.fixtures;
  requires io.kvarena.llm;
  requires io.kvarena.opencl;
  requires io.kvarena.policies;
  requires com.google.gson;
  requires info.picocli;
  requires java.desktop;
  requires jmh.core;
  requires lmdbjava;
  requires rocksdbjni;
  requires me.tongfei.progressbar;
  requires xchart;

  opens io.kvarena.bench to
      info.picocli;
  opens io.kvarena.bench.formats to
      info.picocli;
  opens io.kvarena.bench.simulate to
      info.picocli;
}
