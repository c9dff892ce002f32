/** The host implementation of the cache: lanes, block tables, tails, steps. Not exported. */
@NullMarked
package io.kvarena.store;

import org.jspecify.annotations.NullMarked;
