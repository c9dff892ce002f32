import org.jspecify.annotations.NullMarked;

/** Attention kernels in OpenCL C that run in place on the pages of the host. */
@NullMarked
module io.kvarena.opencl {
  requires transitive io.kvarena;
  requires org.lwjgl;
  requires org.lwjgl.opencl;
  requires static transitive org.jspecify;

  exports io.kvarena.opencl;

  provides io.kvarena.attention.KernelProvider with
      io.kvarena.opencl.ClKernelProvider;
}
