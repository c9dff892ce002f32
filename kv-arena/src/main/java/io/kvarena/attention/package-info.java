/**
 * Attention as a fold over pages: what a kernel is given, the state it folds into, the scalar
 * specification and the choice between kernels.
 */
@NullMarked
package io.kvarena.attention;

import org.jspecify.annotations.NullMarked;
