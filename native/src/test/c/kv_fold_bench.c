/*
 * Decode speed: 32 query heads, 8 KV heads, dim 128, one thread, pages in random order in memory
 * much larger than the caches, every instruction set and format, beside the read ceiling of such
 * pages in the same run.
 *
 *   kv_fold_bench [context tokens = 16384] [page tokens = 32] [repeats = 9] [format] [cached]
 *
 * With `cached` the pages lie in the second-level cache: what the arithmetic alone takes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "kv_fold.h"

enum { HEADS = 8, QUERY_GROUP = 4, DIM = 128, REPEATS_MAX = 99 };

static const int64_t MEMORY = INT64_C(512) << 20;
static const int64_t CACHED = INT64_C(256) << 10;

static uint64_t seed = 42;

static uint32_t bits(void) {
  seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (uint32_t)(seed >> 32);
}

static float number(void) { return (float)bits() / 2147483648.0f - 1; }

/* Time of this thread, not of the neighbours that may take its processor. */
static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a;
  const double y = *(const double *)b;
  return (x > y) - (x < y);
}

static int bits_of(int format) {
  static const int bits[KV_FORMATS] = {32, 16, 16, 8, 4, 8, 8, 4, 3, 2, 4, 2};
  return bits[format];
}

static int64_t number_bytes(int format, int keys, int tokens) {
  switch (format) {
    case KV_F32:
    case KV_F16:
    case KV_BF16: return 0;
    case KV_Q8_0:
    case KV_Q4_0: return 2 * DIM / 32 * tokens;
    case KV_KIVI4:
    case KV_KIVI2: return keys ? 4 * DIM : 4 * DIM / 64 * tokens;
    default: return 2 * tokens;
  }
}

static int64_t code_bytes(int format, int tokens) {
  return ((int64_t)tokens * DIM * bits_of(format) / 8 + 63) / 64 * 64;
}

static int64_t tile_bytes(int format, int keys, int tokens) {
  return (code_bytes(format, tokens) + number_bytes(format, keys, tokens) + 127) / 128 * 128;
}

/* Any finite bytes will do: 16-bit words that are f16 and bf16 numbers below 1. */
static void fill(int format, int keys, int tokens, uint8_t *tile) {
  const int64_t codes = code_bytes(format, tokens);
  for (int64_t i = 0; i < tile_bytes(format, keys, tokens); i += 2) {
    uint16_t word = (uint16_t)bits();
    if (format == KV_F32 || format == KV_BF16) {
      word = (uint16_t)((word & 0x807f) | 0x3e80);
    } else if (format == KV_F16 || i >= codes) {
      word = (uint16_t)((word & 0x03ff) | (format == KV_F16 ? 0x3800 : 0x2000));
    } else if (format == KV_FP8_E4M3) {
      word &= 0xf7f7;
    }
    memcpy(tile + i, &word, 2);
  }
}

/* What is timed before the kernels. */
enum { PLAIN_READ = -2, READ = -1, READ_AHEAD = 8192 };

int main(int argc, char **argv) {
  const int context = argc > 1 ? atoi(argv[1]) : 16384;
  const int tokens = argc > 2 ? atoi(argv[2]) : 32;
  const int repeats = argc > 3 && atoi(argv[3]) < REPEATS_MAX ? atoi(argv[3]) : 9;
  const struct {
    const char *name;
    kv_fold_function *fold;
  } isas[] = {
#if defined(__x86_64__)
      {"avx512vnni", kv_fold_avx512vnni},
      {"avx512", kv_fold_avx512},
      {"avx2", kv_fold_avx2},
#elif defined(__aarch64__)
      {"neon", kv_fold_neon},
#endif
      {"baseline", kv_fold_baseline},
  };
  const char *formats[KV_FORMATS] = {"f32",      "f16",    "bf16",   "q8_0",   "q4_0",  "int8",
                                       "fp8_e4m3", "turbo4", "turbo3", "turbo2", "kivi4", "kivi2"};
  uint8_t *memory = mmap(NULL, (size_t)(MEMORY + (INT64_C(4) << 20)), PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    return 1;
  }
  madvise(memory, (size_t)(MEMORY + (INT64_C(4) << 20)), MADV_HUGEPAGE);
  const int pages = context / tokens;
  kv_page *run = calloc((size_t)pages, sizeof *run);
  static float queries[HEADS * QUERY_GROUP * DIM];
  static float state[HEADS * QUERY_GROUP * (DIM + 2)];
  for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
    queries[i] = number();
  }
  printf("context %d, page tokens %d; median ms, GB/s, share of the read with prefetching and of the plain one\n", context, tokens);
  for (int format = 0; format < KV_FORMATS; format++) {
    if (argc > 4 && strcmp(argv[4], "all") != 0 && strcmp(argv[4], formats[format]) != 0) {
      continue;
    }
    const int64_t key_tile = tile_bytes(format, 1, tokens);
    const int64_t value_tile = tile_bytes(format, 0, tokens);
    const int64_t page_bytes = HEADS * (key_tile + value_tile);
    const int64_t slots = (argc > 5 ? CACHED : MEMORY) / page_bytes + 1;
    const double megabytes = (double)pages * (double)page_bytes / 1e6;
    for (int i = 0; i < HEADS; i++) {
      fill(format, 1, tokens, memory + i * key_tile);
      fill(format, 0, tokens, memory + HEADS * key_tile + i * value_tile);
    }
    for (int64_t i = 1; i < slots; i++) {
      memcpy(memory + i * page_bytes, memory, (size_t)page_bytes);
    }
    int64_t *order = malloc((size_t)slots * sizeof *order);
    for (int64_t i = 0; i < slots; i++) {
      order[i] = i;
    }
    for (int64_t i = slots - 1; i > 0; i--) {
      const int64_t j = bits() % (i + 1);
      const int64_t t = order[i];
      order[i] = order[j];
      order[j] = t;
    }
    int64_t used = 0;
    double ceilings[2] = {0};
    const int isa_count = (int)(sizeof isas / sizeof isas[0]);
    for (int isa = PLAIN_READ; isa < isa_count; isa++) {
      if (isa >= 0 && kv_isa_supported(isas[isa].name) != 1) {
        continue;
      }
      double ms[REPEATS_MAX];
      for (int repeat = 0; repeat < repeats; repeat++) {
        for (int i = 0; i < pages; i++) {
          run[i] = (kv_page){memory + order[used++ % slots] * page_bytes, ~UINT64_C(0),
                             i * tokens, 0};
        }
        const int32_t bounds[2] = {0, context};
        kv_fold fold = {1, HEADS, QUERY_GROUP, DIM, DIM, tokens, pages, 0,
                        key_tile, value_tile, HEADS * key_tile, queries, HEADS * QUERY_GROUP * DIM, bounds,
                        state, state + HEADS * QUERY_GROUP, state + 2 * HEADS * QUERY_GROUP,
                        HEADS * QUERY_GROUP, 0, 0.0883883f, 0};
        for (int i = 0; i < HEADS * QUERY_GROUP; i++) {
          state[i] = -1e30f;
        }
        const double start = now_ms();
        if (isa < 0) {
          volatile uint64_t sum =
              kv_read_pages(run, pages, page_bytes, isa == READ ? READ_AHEAD : 0);
          (void)sum;
        } else if (isas[isa].fold(format, format, &fold, run) != KV_OK) {
          return 1;
        }
        ms[repeat] = now_ms() - start;
      }
      qsort(ms, (size_t)repeats, sizeof *ms, ascending);
      const double median = ms[repeats / 2];
      if (isa < 0) {
        ceilings[isa - PLAIN_READ] = median;
      }
      printf("%-8s %-10s %7.2f ms (best %6.2f) %6.2f GB/s %5.1f G elements/s", formats[format],
             isa == PLAIN_READ ? "read-plain"
             : isa == READ     ? "read"
                               : isas[isa].name,
             median, ms[0], megabytes / median, 2e-6 * HEADS * DIM * context / median);
      if (isa >= 0) {
        printf(" %4.0f %% %4.0f %%", 100 * ceilings[1] / median, 100 * ceilings[0] / median);
      }
      printf("\n");
    }
    free(order);
  }
  return 0;
}
