package io.kvarena.store;

import io.kvarena.transform.TransformInstance;
import io.kvarena.transform.TransformSpec;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * The transforms of a layer's sealed pages.
 *
 * @param keys the transform of keys
 * @param keyInstances [kvHeads] instances of the keys that hold for all sequences; empty where keys
 *     are not transformed or each sequence has its own
 * @param values the rotation of values, null if they are not rotated
 * @param made what becomes of an instance that a sequence makes
 */
record LayerTransforms(
    TransformSpec keys,
    TransformInstance[] keyInstances,
    @Nullable TransformInstance values,
    UnaryOperator<TransformInstance> made) {

  /** The instance that a page's rows, f32 [pageTokens][keyDim], fix. */
  TransformInstance of(float[] rows, long counted, int keyDim) {
    return made.apply(keys.instance(rows, counted, keyDim));
  }
}
