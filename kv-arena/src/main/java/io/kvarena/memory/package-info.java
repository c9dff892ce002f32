/** Native memory: slabs, superblocks, pages and the page map. Knows nothing of tokens. */
@NullMarked
package io.kvarena.memory;

import org.jspecify.annotations.NullMarked;
