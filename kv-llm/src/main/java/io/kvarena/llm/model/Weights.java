package io.kvarena.llm.model;

import io.kvarena.llm.gguf.GgufTensor;
import java.util.List;

/**
 * The weights of a model.
 *
 * @param embedding [vocabulary][dim], left in the file: a token reads one row
 * @param layers the layers in order
 * @param outputNorm [dim]
 * @param output maps [dim] to logits; the embedding once more where the two are tied
 */
record Weights(
    GgufTensor embedding, List<LayerWeights> layers, float[] outputNorm, Matrix output) {}
