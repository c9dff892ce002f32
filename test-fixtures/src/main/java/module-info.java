import org.jspecify.annotations.NullMarked;

/** Oracles, generators and contract suites for caches, kernels and formats, one's own included. */
@NullMarked
module io.kvarena.fixtures {
  requires transitive io.kvarena;
  requires transitive org.junit.jupiter;
  requires transitive net.jqwik.api;
  requires static transitive org.jspecify;

  exports io.kvarena.fixtures;
  exports io.kvarena.fixtures.attention;
  exports io.kvarena.fixtures.format;
}
