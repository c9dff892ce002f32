/* The read ceiling: what it costs to bring memory in once, doing next to nothing with it. */
#include <string.h>

#include "kv_fold.h"

typedef uint64_t words __attribute__((vector_size(32)));

/* Eight sums at once, so that only the loads limit. */
enum { STREAMS = 8, LINE = 64, PIECE = STREAMS * (int)sizeof(words) };

static inline __attribute__((always_inline)) void add_piece(const uint8_t *p, words *sums) {
#pragma GCC unroll 8
  for (int s = 0; s < STREAMS; s++) {
    words x;
    memcpy(&x, p + s * (int64_t)sizeof x, sizeof x);
    sums[s] += x;
  }
}

static uint64_t total_of(const words *sums) {
  uint64_t total = 0;
  for (int s = 0; s < STREAMS; s++) {
    total += sums[s][0] + sums[s][1] + sums[s][2] + sums[s][3];
  }
  return total;
}

uint64_t kv_read(const void *memory, int64_t bytes) {
  const uint8_t *p = memory;
  words sums[STREAMS] = {{0}};
  int64_t i = 0;
  for (; i + PIECE <= bytes; i += PIECE) {
    add_piece(p + i, sums);
  }
  uint64_t total = total_of(sums);
  for (; i < bytes; i++) {
    total += p[i];
  }
  return total;
}

uint64_t kv_read_pages(const kv_page *pages, int64_t count, int64_t page_bytes, int64_t ahead) {
  uint64_t total = 0;
  for (int64_t i = 0; i < count; i++) {
    const uint8_t *const page = pages[i].address;
    const uint8_t *const next = i + 1 < count ? pages[i + 1].address : page;
    if (ahead <= 0) {
      total += kv_read(page, page_bytes);
      continue;
    }
    words sums[STREAMS] = {{0}};
    int64_t at = 0;
    for (; at + PIECE <= page_bytes; at += PIECE) {
      const int64_t then = at + ahead;
      const uint8_t *const wanted = then < page_bytes ? page + then : next + (then - page_bytes);
#pragma GCC unroll 4
      for (int line = 0; line < PIECE; line += LINE) {
        __builtin_prefetch(wanted + line, 0, 3);
      }
      add_piece(page + at, sums);
    }
    total += total_of(sums) + kv_read(page + at, page_bytes - at);
  }
  return total;
}
