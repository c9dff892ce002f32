package io.kvarena.bench;

/**
 * One measured line.
 *
 * @param kernel what was measured: a kernel, {@code read}, {@code append}, {@code tail} or {@code
 *     seal}
 * @param format format of keys and values
 * @param context tokens, 0 where it does not matter
 * @param threads threads that shared the step; with more than one it went through a cache
 * @param microseconds median time of one step
 * @param gigabytesPerSecond bytes of keys and values read, over all threads, or written
 * @param ceilingShare microseconds of the ceiling over these, 0 where there is no ceiling
 * @param gigaElementsPerSecond keys and values read or written
 */
record Row(
    String kernel,
    String format,
    int context,
    int threads,
    double microseconds,
    double gigabytesPerSecond,
    double ceilingShare,
    double gigaElementsPerSecond) {}
