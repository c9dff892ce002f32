package io.kvarena.store;

import io.kvarena.LayerShape;
import io.kvarena.format.PageLayout;

/**
 * What the store needs to know of a layer: its layouts and which pools serve it.
 *
 * @param index the layer's number
 * @param page layout of sealed pages
 * @param granule layout of the granules of the tail
 * @param pagePool number of the pool of sealed pages
 * @param granulePool number of the pool of granules
 */
record LayerPlan(int index, PageLayout page, PageLayout granule, int pagePool, int granulePool) {

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
}
