/**
 * What an engine links: the shape of a model's cache, the cache, its sequences, what they report
 * and how they fail. No bytes are touched here.
 */
@NullMarked
package io.kvarena;

import org.jspecify.annotations.NullMarked;
