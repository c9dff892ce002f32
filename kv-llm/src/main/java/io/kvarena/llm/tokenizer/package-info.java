/**
 * The tokenizers that model files carry: SentencePiece-style BPE over scores and byte-level BPE
 * over merges. Text goes in and comes out unchanged; nothing here normalises it.
 */
@NullMarked
package io.kvarena.llm.tokenizer;

import org.jspecify.annotations.NullMarked;
