/**
 * Attention with the JDK's Vector API: one small class for each format and tile kind, so that every
 * hot loop knows its format and its vectors stay in registers. Loaded by name, because the
 * incubator module is optional at run time; nothing outside may refer to this package.
 *
 * <p>Vectors are boxed wherever a call that takes or gives one is not inlined, and the JIT compiler
 * stops inlining ordinary methods, though not the Vector API's, once a compiled method has grown
 * large. Hence the shape of the code: the loops over tiles, too long to be inlined themselves, may
 * use the helpers of Lanes and Quads; every shorter method calls the Vector API directly.
 */
@NullMarked
package io.kvarena.attention.vector;

import org.jspecify.annotations.NullMarked;
