/**
 * The tokenizers that model files carry: SentencePiece-style BPE over scores and byte-level BPE
 * over merges. Nothing here normalises text.
 */
@NullMarked
package io.kvarena.llm.tokenizer;

import org.jspecify.annotations.NullMarked;
