package io.kvarena.store;

import io.kvarena.LayerShape;
import io.kvarena.format.PageLayout;

/**
 * What the store needs to know of a layer: its layouts, its transforms and which pools serve it.
 *
 * @param index the layer's number
 * @param page layout of sealed pages
 * @param pinned layout of the pages that hold a sequence's first tokens
 * @param granule layout of the granules of the tail
 * @param pagePool number of the pool of sealed pages
 * @param pinnedPool number of the pool of pinned pages
 * @param granulePool number of the pool of granules
 * @param pinnedPages pages with ordinals below it are pinned
 * @param recentPages pages before a query's own that it reads raw
 * @param transforms what is done to rows before they are encoded
 */
record LayerPlan(
    int index,
    PageLayout page,
    PageLayout pinned,
    PageLayout granule,
    int pagePool,
    int pinnedPool,
    int granulePool,
    int pinnedPages,
    int recentPages,
    LayerTransforms transforms) {

  LayerShape shape() {
    return page.layer();
  }

  /** Lanes: head groups with a block table of their own. */
  int lanes() {
    return shape().kvHeads() / page.heads();
  }

  /** Query heads of a lane. */
  int laneQueryHeads() {
    return page.heads() * shape().group();
  }

  /** The layout of the sealed page with this ordinal. */
  PageLayout layout(int ordinal) {
    return ordinal < pinnedPages ? pinned : page;
  }

  /** The number of the pool of the page with this ordinal. */
  int pool(int ordinal) {
    return ordinal < pinnedPages ? pinnedPool : pagePool;
  }
}
