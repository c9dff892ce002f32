import org.jspecify.annotations.NullMarked;

/** The store: pages of keys and values in native memory, and attention over them where they lie. */
@NullMarked
module io.kvarena {
  requires static transitive org.jspecify;
}
