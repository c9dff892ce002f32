import org.jspecify.annotations.NullMarked;

/** Oracles, generators and contract suites for caches, kernels and formats, one's own included. */
@NullMarked
module io.kvarena.fixtures {
  requires transitive io.kvarena;
  requires transitive org.junit.jupiter.api;
  requires transitive org.junit.jupiter.params;
  requires transitive net.jqwik.api;
  requires static transitive org.jspecify;
  requires java.management;
  requires jdk.management;

  exports io.kvarena.fixtures;
  exports io.kvarena.fixtures.attention;
  exports io.kvarena.fixtures.cache;
  exports io.kvarena.fixtures.format;
  exports io.kvarena.fixtures.gguf;
  exports io.kvarena.fixtures.tier;
}
