/**
 * The disk tier: pages and records in page files of an open format, which docs/page-file-format.md
 * describes. What a restart believes is what the newest whole manifest lists, and nothing else.
 */
@NullMarked
package io.kvarena.tier.disk;

import org.jspecify.annotations.NullMarked;
