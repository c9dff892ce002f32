package io.kvarena.llm.model;

import org.jspecify.annotations.Nullable;

/**
 * The weights of one layer.
 *
 * @param attentionNorm [dim]
 * @param queryKeyValue maps [dim] to the queries, the keys and the values of all heads, in a row
 * @param bias added to what queryKeyValue gives, or null
 * @param queryNorm [keyDim], or null where query heads are not normalised
 * @param keyNorm [keyDim], or null where key heads are not normalised
 * @param attentionOutput maps the heads' outputs to [dim]
 * @param feedForwardNorm [dim]
 * @param gateUp maps [dim] to the gate and to the input of SwiGLU, in a row
 * @param down maps SwiGLU's output to [dim]
 */
record LayerWeights(
    float[] attentionNorm,
    Matrix queryKeyValue,
    float @Nullable [] bias,
    float @Nullable [] queryNorm,
    float @Nullable [] keyNorm,
    Matrix attentionOutput,
    float[] feedForwardNorm,
    Matrix gateUp,
    Matrix down) {}
