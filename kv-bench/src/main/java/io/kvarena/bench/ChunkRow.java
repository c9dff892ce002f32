package io.kvarena.bench;

/**
 * Attention of a chunk's queries, the last tokens of a context, each over those up to itself.
 *
 * @param kernel the kernel
 * @param format format of keys and values
 * @param context tokens of context, the chunk among them
 * @param chunk query tokens
 * @param microseconds median time of the chunk
 * @param gigaflopsPerSecond multiply-adds of both products, each counted twice; softmax is not
 *     counted
 */
record ChunkRow(
    String kernel,
    String format,
    int context,
    int chunk,
    double microseconds,
    double gigaflopsPerSecond) {}
