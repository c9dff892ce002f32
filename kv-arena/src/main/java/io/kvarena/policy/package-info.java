/** What a policy sees and what it answers. Policies decide; only the store moves bytes. */
@NullMarked
package io.kvarena.policy;

import org.jspecify.annotations.NullMarked;
