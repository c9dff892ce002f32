import org.jspecify.annotations.NullMarked;

/** Benchmarks of the store and of attention, and what is made of their figures. */
@NullMarked
module io.kvarena.bench {
  requires static org.jspecify;
}
