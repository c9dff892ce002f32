/**
 * GGUF model files, read without trust: every count, size, offset and alignment is checked before
 * it is used. What the tensors mean is the business of {@code io.kvarena.llm.model}.
 */
@NullMarked
package io.kvarena.llm.gguf;

import org.jspecify.annotations.NullMarked;
