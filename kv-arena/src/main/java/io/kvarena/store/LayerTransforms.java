package io.kvarena.store;

import io.kvarena.transform.TransformInstance;
import io.kvarena.transform.TransformSpec;
import org.jspecify.annotations.Nullable;

/**
 * The transforms of a layer's sealed pages.
 *
 * @param keys the transform of keys
 * @param keyInstances [kvHeads] instances of the keys that hold for all sequences; empty where keys
 *     are not transformed or each sequence has its own
 * @param values the rotation of values, null if they are not rotated
 */
record LayerTransforms(
    TransformSpec keys, TransformInstance[] keyInstances, @Nullable TransformInstance values) {}
