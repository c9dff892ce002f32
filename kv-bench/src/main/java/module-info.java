import org.jspecify.annotations.NullMarked;

/** Benchmarks of the store and of attention, what formats cost, and what is made of the figures. */
@NullMarked
module io.kvarena.bench {
  requires static org.jspecify;
  requires io.kvarena;
  requires io.kvarena.ffi;
  requires io.kvarena.llm;
  requires io.kvarena.opencl;
  requires com.google.gson;
  requires info.picocli;
  requires java.desktop;
  requires jmh.core;
  requires lmdbjava;
  requires rocksdbjni;
  requires xchart;

  opens io.kvarena.bench to
      info.picocli;
  opens io.kvarena.bench.formats to
      info.picocli;
}
