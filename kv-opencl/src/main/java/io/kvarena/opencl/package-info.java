/**
 * OpenCL: the devices of this machine and an attention kernel that runs on them, in place on the
 * arena's slabs where the device shares memory with the host.
 *
 * <p>OpenCL C lies under {@code kernels/}: loads of each format for keys and for values, and the
 * fold in a shape for CPUs and one for GPUs; a program is assembled from one of each. Nothing here
 * knows what a sequence or a cache is.
 *
 * <p>The compiler and the kernels of a CPU device run inside the JVM, where a fault of theirs ends
 * it: every size and offset is checked in Java before a kernel is started. Start Java with {@code
 * --enable-native-access} for {@code org.lwjgl} and {@code io.kvarena.opencl}, or {@code
 * ALL-UNNAMED} on the class path; on the module path add {@code --add-modules org.lwjgl.natives}.
 */
@NullMarked
package io.kvarena.opencl;

import org.jspecify.annotations.NullMarked;
