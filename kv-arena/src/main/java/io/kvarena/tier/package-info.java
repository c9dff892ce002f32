/** Tiers: places besides the arena that keep pages, and the pages' names there. */
@NullMarked
package io.kvarena.tier;

import org.jspecify.annotations.NullMarked;
