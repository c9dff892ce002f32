/**
 * Language models of the Llama family: hyper-parameters and weights out of a GGUF file, and the
 * forward pass. Keys and values live in a {@code KvSequence} and nowhere else.
 */
@NullMarked
package io.kvarena.llm.model;

import org.jspecify.annotations.NullMarked;
