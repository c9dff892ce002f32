package io.kvarena.policy;

/**
 * What a policy may ask to be told. A kernel says which it supplies; a policy whose needs are not
 * met is refused when the cache is built.
 */
public enum Signal {
  /** The post-softmax weight that every slot received from a query. */
  ATTENTION_ROW,
  /** The post-softmax weight that every page received from a query. */
  PAGE_MASS
}
