import org.jspecify.annotations.NullMarked;

/** Attention kernels in C, memory and file I/O from the operating system, without JNI. */
@NullMarked
module io.kvarena.ffi {
  requires transitive io.kvarena;
  requires static org.jspecify;

  exports io.kvarena.ffi;

  provides io.kvarena.attention.KernelProvider with
      io.kvarena.ffi.CKernelProvider;
  provides io.kvarena.tier.FileIoProvider with
      io.kvarena.ffi.UringIoProvider;
}
