/**
 * The command {@code kv formats}: what each format and transform costs in bytes and in accuracy.
 * Speed is measured elsewhere.
 */
@NullMarked
package io.kvarena.bench.formats;

import org.jspecify.annotations.NullMarked;
