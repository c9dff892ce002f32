/** Tests of the C kernels and of the memory that comes from the operating system. */
@NullMarked
package io.kvarena.ffi;

import org.jspecify.annotations.NullMarked;
