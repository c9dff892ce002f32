/* The read ceiling: what it costs to bring memory in once, doing next to nothing with it. */
#include <string.h>

#include "kv_fold.h"

typedef uint64_t words __attribute__((vector_size(32)));

/* Eight sums at once, so that only the loads limit. */
uint64_t kv_read(const void *memory, int64_t bytes) {
  enum { STREAMS = 8 };
  const uint8_t *p = memory;
  words sums[STREAMS] = {{0}};
  int64_t i = 0;
  for (; i + (int64_t)sizeof sums <= bytes; i += (int64_t)sizeof sums) {
#pragma GCC unroll 8
    for (int s = 0; s < STREAMS; s++) {
      words x;
      memcpy(&x, p + i + s * (int64_t)sizeof x, sizeof x);
      sums[s] += x;
    }
  }
  uint64_t total = 0;
  for (int s = 0; s < STREAMS; s++) {
    total += sums[s][0] + sums[s][1] + sums[s][2] + sums[s][3];
  }
  for (; i < bytes; i++) {
    total += p[i];
  }
  return total;
}

uint64_t kv_read_pages(const kv_page *pages, int64_t count, int64_t page_bytes) {
  uint64_t total = 0;
  for (int64_t i = 0; i < count; i++) {
    total += kv_read(pages[i].address, page_bytes);
  }
  return total;
}
