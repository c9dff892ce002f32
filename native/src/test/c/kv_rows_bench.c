/*
 * How quickly pages are written: kv_rows_bench [page tokens] [channels]. For each instruction set
 * and format, billions of elements a second for keys and values, as they are and rotated; then what
 * rows are put into granules, checked and rotated at. Medians of rounds over pages that stay in the
 * second-level cache, as rows that were just computed do.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kv_rows.h"

enum { ROUNDS = 15, PAGES = 8, REPEATS = 40 };

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static float *numbers(int64_t count) {
  float *x = aligned_alloc(64, (size_t)(count * 4 + 63) / 64 * 64);
  for (int64_t i = 0; i < count; i++) {
    x[i] = (float)rand() / (float)RAND_MAX - 0.5f;
  }
  return x;
}

typedef struct {
  const char *name;
  kv_seal_function *seal;
  kv_put_function *put;
  kv_rotate_function *rotate;
  kv_bad_function *bad;
} isa;

static const char *const NAMES[KV_FORMATS] = {"f32",    "f16",    "bf16",   "q8_0",  "q4_0",  "int8",
                                              "fp8",    "turbo4", "turbo3", "turbo2", "kivi4", "kivi2"};

#define MEDIAN(result, work)                        \
  do {                                              \
    double times[ROUNDS];                           \
    for (int round = 0; round < ROUNDS; round++) {  \
      const double start = seconds();               \
      for (int repeat = 0; repeat < REPEATS; repeat++) { \
        work;                                       \
      }                                             \
      times[round] = seconds() - start;             \
    }                                               \
    qsort(times, ROUNDS, sizeof times[0], ascending); \
    result = times[ROUNDS / 2] / REPEATS;           \
  } while (0)

int main(int argc, char **argv) {
  const int tokens = argc > 1 ? atoi(argv[1]) : 64;
  const int channels = argc > 2 ? atoi(argv[2]) : 128;
  const isa isas[] = {
#if defined(__x86_64__)
      {"avx512", kv_seal_avx512, kv_put_avx512, kv_rotate_avx512, kv_bad_avx512},
      {"avx2", kv_seal_avx2, kv_put_avx2, kv_rotate_avx2, kv_bad_avx2},
#elif defined(__aarch64__)
      {"neon", kv_seal_neon, kv_put_neon, kv_rotate_neon, kv_bad_neon},
#endif
      {"baseline", kv_seal_baseline, kv_put_baseline, kv_rotate_baseline, kv_bad_baseline}};
  const int64_t elements = (int64_t)tokens * channels;
  const int granules = tokens / KV_GRANULE;
  float *rows = numbers(elements);
  float *signs = numbers(channels);
  for (int c = 0; c < channels; c++) {
    signs[c] = signs[c] < 0 ? -1 : 1;
  }
  float *scratch = numbers(80L * channels + 1024);
  uint8_t *raw[2][2];
  uint8_t *tiles[PAGES];
  for (int i = 0; i < PAGES; i++) {
    tiles[i] = aligned_alloc(128, (size_t)(4 * elements + 4096 + 127) / 128 * 128);
  }
  for (size_t i = 0; i < sizeof isas / sizeof isas[0]; i++) {
    const isa *with = &isas[i];
    if (kv_isa_supported(with->name) != 1) {
      continue;
    }
    printf("%s, pages of %d tokens, %d channels, 10^9 elements a second\n", with->name, tokens,
           channels);
    for (int format = 0; format < KV_FORMATS; format++) {
      const int raw_format = format >= KV_Q8_0 ? KV_F16 : format;
      for (int keys = 0; keys < 2; keys++) {
        raw[keys][0] = aligned_alloc(128, (size_t)(4 * elements + 127) / 128 * 128);
        for (int64_t j = 0; j < 2 * elements; j++) {
          ((uint16_t *)raw[keys][0])[j] = (uint16_t)(0x3000 + rand() % 0xc00 + (rand() % 2 << 15));
        }
      }
      printf("  %-7s", NAMES[format]);
      for (int keys = 1; keys >= 0; keys--) {
        for (int rotated = 0; rotated < 2; rotated++) {
          kv_seal seal = {tokens, channels, ~UINT64_C(0), {0}, 0, rotated ? signs : 0,
                          rotated, 65504,   scratch,      0};
          const int64_t granule_bytes = (raw_format == KV_F32 ? 4 : 2) * KV_GRANULE * channels;
          for (int g = 0; g < granules; g++) {
            seal.granules[g] = raw[keys][0] + g * granule_bytes;
          }
          double time;
          int page = 0;
          MEDIAN(time, (seal.tile = tiles[page++ % PAGES],
                        with->seal(keys, format, raw_format, &seal)));
          printf("  %s%s %5.2f", keys ? "keys" : "values", rotated ? " rotated" : "",
                 1e-9 * (double)elements / time);
        }
      }
      printf("\n");
      free(raw[0][0]);
      free(raw[1][0]);
    }
    double time;
    float *copies = numbers(32L * channels);
    MEDIAN(time, with->rotate(copies, 32, channels, signs, 0, scratch));
    printf("  rotate 32 rows: %.2f, %.2f us\n", 1e-9 * 32 * channels / time, 1e6 * time);
    int64_t bad = 0;
    MEDIAN(time, bad += with->bad(rows, elements, 65504));
    printf("  check: %.2f%s\n", 1e-9 * (double)elements / time, bad ? " (bad?)" : "");
    for (int n = 1; n <= KV_GRANULE; n += 7) {
      kv_put put = {1, 0, n, channels, channels, 0, channels, channels, rows, rows,
                    2L * KV_GRANULE * channels, 2L * KV_GRANULE * channels, tiles[0]};
      MEDIAN(time, with->put(KV_F16, KV_F16, &put));
      printf("  put %d rows as f16: %.2f\n", n, 1e-9 * 2 * n * channels / time);
    }
  }
  return 0;
}
