/** Choosing the next token from logits. */
@NullMarked
package io.kvarena.llm.sampling;

import org.jspecify.annotations.NullMarked;
