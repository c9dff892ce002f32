/**
 * Which pages leave a cache's memory for its tier, when, and which come back: one policy, one file.
 * {@link io.kvarena.policies.placement.Placements} names them all. Policies name pages; the store
 * moves them.
 */
@NullMarked
package io.kvarena.policies.placement;

import org.jspecify.annotations.NullMarked;
