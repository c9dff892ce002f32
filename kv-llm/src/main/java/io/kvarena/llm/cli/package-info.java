/**
 * The kv command, one file a command. Text for people goes to standard output, or to standard error
 * where {@code --json} is given: then the last line of standard output is one JSON object.
 */
@NullMarked
package io.kvarena.llm.cli;

import org.jspecify.annotations.NullMarked;
