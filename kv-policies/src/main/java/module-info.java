import org.jspecify.annotations.NullMarked;

/** Policies that decide what a cache forgets, compresses and moves. */
@NullMarked
module io.kvarena.policies {
  requires static transitive org.jspecify;
  requires transitive io.kvarena;
  requires org.agrona;

  exports io.kvarena.policies;
  exports io.kvarena.policies.placement;
  exports io.kvarena.policies.replacement;
}
