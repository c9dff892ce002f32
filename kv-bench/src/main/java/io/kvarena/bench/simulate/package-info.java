/**
 * The command {@code kv simulate}: traces of requests replayed under replacement policies, and what
 * is made of the hit rates.
 */
@NullMarked
package io.kvarena.bench.simulate;

import org.jspecify.annotations.NullMarked;
