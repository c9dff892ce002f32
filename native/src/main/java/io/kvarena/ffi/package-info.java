/**
 * C code and system calls through the Foreign Function and Memory API: the kernels in C, huge-page
 * slabs, the read ceiling, files through io_uring. All restricted calls of the library on the host
 * live here; nothing else does.
 */
@NullMarked
package io.kvarena.ffi;

import org.jspecify.annotations.NullMarked;
