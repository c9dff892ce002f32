/** JMH benchmarks beside a read ceiling measured in the same run, and the report made of them. */
@NullMarked
package io.kvarena.bench;

import org.jspecify.annotations.NullMarked;
