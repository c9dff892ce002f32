/** Transforms: the maps that are applied to keys and values before a format encodes them. */
@NullMarked
package io.kvarena.transform;

import org.jspecify.annotations.NullMarked;
