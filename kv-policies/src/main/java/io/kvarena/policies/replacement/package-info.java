/**
 * Which page goes when a tier or a prefix cache is full: one policy, one file, the paper's
 * pseudocode above the Java in the same order. {@link io.kvarena.policies.replacement.Policies}
 * names them all. Sizes are bytes: where a paper counts pages, pages of one size give its counts.
 */
@NullMarked
package io.kvarena.policies.replacement;

import org.jspecify.annotations.NullMarked;
