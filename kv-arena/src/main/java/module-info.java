import org.jspecify.annotations.NullMarked;

/** The store: pages of keys and values in native memory, and attention over them where they lie. */
@NullMarked
module io.kvarena {
  requires static transitive org.jspecify;
  requires static jdk.incubator.vector;
  requires static jdk.unsupported;
  requires jdk.jfr;
  requires org.agrona;

  exports io.kvarena;
  exports io.kvarena.attention;
  exports io.kvarena.format;
  exports io.kvarena.memory;
  exports io.kvarena.policy;
  exports io.kvarena.tier;
  exports io.kvarena.tier.disk;
  exports io.kvarena.transform;

  uses io.kvarena.attention.KernelProvider;
  uses io.kvarena.tier.FileIoProvider;
}
