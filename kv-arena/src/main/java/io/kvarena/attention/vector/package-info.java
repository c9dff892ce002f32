/**
 * Attention with the JDK's Vector API. Loaded by name, because the incubator module is optional at
 * run time; nothing outside may refer to this package.
 *
 * <p>How a format is put together: {@link io.kvarena.attention.vector.Tile} names its {@link
 * io.kvarena.attention.vector.Codes} and its {@link io.kvarena.attention.vector.Scales}. Codes are
 * one small class for each way in which bits lie, the same for keys and values, and know no scales:
 * they multiply a pair of vectors of codes by the factors of four rows. Scales are one class for
 * each grouping and know no bits: they turn queries or weights into factors before, or scale the
 * products after. A new format often needs neither, only a line in {@link
 * io.kvarena.attention.vector.Tile}.
 *
 * <pre>
 * VectorKernel  pages, heads, rows: keys of all heads, softmax, values of all heads
 *   Scales      factors of a group  ->  Codes.multiply  ->  add to logits or weighted sums
 *   Block       four rows' factors and products
 *   Sweep       all rows' queries, weights and weighted sums
 * </pre>
 *
 * <p>Vectors are boxed wherever a call that takes or gives one is not inlined, and the JIT compiler
 * stops inlining ordinary methods, though not the Vector API's, once a compiled method has grown
 * large. Hence {@code multiply} of every Codes class is written out: one loop for one format, in
 * which everything but the load of a pair of vectors is the same, and decoding there calls the
 * Vector API directly. Factors of the four rows are a constant apart, so that their loads need no
 * arithmetic.
 */
@NullMarked
package io.kvarena.attention.vector;

import org.jspecify.annotations.NullMarked;
