/** How a tile is encoded: formats, the layout of a page, conversions to other byte orders. */
@NullMarked
package io.kvarena.format;

import org.jspecify.annotations.NullMarked;
