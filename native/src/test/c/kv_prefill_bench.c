/*
 * How near chunks of queries come to what multiply-adds allow: kv_prefill_bench [context tokens].
 * For each format and chunk of 1 to 512 query tokens over pages that lie in the cache, 10^9
 * operations a second (a multiply-add counts twice, softmax not at all) and their share of what
 * independent f32 multiply-adds reach in the same run. Best of a few repeats.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kv_fold.h"

enum { HEADS = 8, GROUP = 4, DIM = 128, TOKENS = 32, REPEATS = 3 };

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#if defined(__x86_64__)
/* Twelve chains in registers of their own, so that neither latency nor memory counts. */
#define ONE_STEP(r)                                                                       \
  "vfmadd231ps %%" r "14, %%" r "13, %%" r "0\n vfmadd231ps %%" r "14, %%" r "13, %%" r "1\n" \
  "vfmadd231ps %%" r "14, %%" r "13, %%" r "2\n vfmadd231ps %%" r "14, %%" r "13, %%" r "3\n" \
  "vfmadd231ps %%" r "14, %%" r "13, %%" r "4\n vfmadd231ps %%" r "14, %%" r "13, %%" r "5\n" \
  "vfmadd231ps %%" r "14, %%" r "13, %%" r "6\n vfmadd231ps %%" r "14, %%" r "13, %%" r "7\n" \
  "vfmadd231ps %%" r "14, %%" r "13, %%" r "8\n vfmadd231ps %%" r "14, %%" r "13, %%" r "9\n" \
  "vfmadd231ps %%" r "14, %%" r "13, %%" r "10\n vfmadd231ps %%" r "14, %%" r "13, %%" r "11\n"
#define REGISTERS                                                                            \
  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", \
      "xmm11", "xmm13", "xmm14"
enum { CHAINS = 12, STEPS = 4000000 };

static double multiply_adds_512(void) {
  const double start = seconds();
  __asm__ volatile("vzeroall" ::: REGISTERS);
  for (int step = 0; step < STEPS; step++) {
    __asm__ volatile(ONE_STEP("zmm")::: REGISTERS);
  }
  return 2.0 * 16 * CHAINS * STEPS / (seconds() - start);
}

static double multiply_adds_256(void) {
  const double start = seconds();
  __asm__ volatile("vzeroall" ::: REGISTERS);
  for (int step = 0; step < STEPS; step++) {
    __asm__ volatile(ONE_STEP("ymm")::: REGISTERS);
  }
  return 2.0 * 8 * CHAINS * STEPS / (seconds() - start);
}
#endif

int main(int argc, char **argv) {
  const int context = argc > 1 ? atoi(argv[1]) : 4096;
  const int pages = context / TOKENS;
  const struct {
    const char *name;
    int format;
    int64_t tile_bytes; /* keys and values alike at these sizes */
  } formats[] = {{"f16", KV_F16, 2 * TOKENS * DIM},
                 {"q8_0", KV_Q8_0, TOKENS * DIM + 2 * DIM / 32 * TOKENS},
                 {"q4_0", KV_Q4_0, TOKENS * DIM / 2 + 2 * DIM / 32 * TOKENS},
                 {"turbo4", KV_TURBO4, TOKENS * DIM / 2 + 128}};
  const struct {
    const char *name;
    kv_fold_function *fold;
#if defined(__x86_64__)
    double (*peak)(void);
  } isas[] = {{"avx512vnni", kv_fold_avx512vnni, multiply_adds_512},
              {"avx512", kv_fold_avx512, multiply_adds_512},
              {"avx2", kv_fold_avx2, multiply_adds_256}};
#else
    double (*peak)(void);
  } isas[] = {{"baseline", kv_fold_baseline, NULL}};
#endif
  for (size_t i = 0; i < sizeof isas / sizeof isas[0]; i++) {
    if (kv_isa_supported(isas[i].name) != 1) {
      continue;
    }
    double peak = 0;
    for (int repeat = 0; isas[i].peak && repeat < REPEATS; repeat++) {
      const double now = isas[i].peak();
      peak = now > peak ? now : peak;
    }
    printf("%s, %d tokens of context; multiply-adds alone: %.0f\n", isas[i].name, context,
           1e-9 * peak);
    for (size_t f = 0; f < sizeof formats / sizeof formats[0]; f++) {
      const int64_t tile = (formats[f].tile_bytes + 127) / 128 * 128;
      const int64_t page_bytes = 2 * HEADS * tile;
      uint8_t *memory = aligned_alloc(128, (size_t)(pages * page_bytes));
      for (int64_t at = 0; at < pages * page_bytes; at++) {
        /* f16 numbers below 1, whatever else they are read as. */
        memory[at] = (uint8_t)(at & 1 ? 0x30 : rand() & 0x7f);
      }
      kv_page *run = calloc((size_t)pages, sizeof *run);
      for (int p = 0; p < pages; p++) {
        run[p] = (kv_page){memory + p * page_bytes, ~UINT64_C(0), p * TOKENS, 0};
      }
      printf("  %-7s", formats[f].name);
      for (int chunk = 1; chunk <= 512; chunk *= 8) {
        const int64_t rows = (int64_t)chunk * HEADS * GROUP;
        float *queries = malloc((size_t)(rows * DIM) * sizeof *queries);
        float *state = malloc((size_t)(rows * (DIM + 2)) * sizeof *state);
        int32_t *bounds = malloc((size_t)chunk * 2 * sizeof *bounds);
        for (int64_t j = 0; j < rows * DIM; j++) {
          queries[j] = (float)rand() / (float)RAND_MAX - 0.5f;
        }
        for (int j = 0; j < chunk; j++) {
          bounds[2 * j] = 0;
          bounds[2 * j + 1] = context;
        }
        const kv_fold fold = {chunk, HEADS, GROUP, DIM, DIM, TOKENS, pages, 0, tile, tile,
                              HEADS * tile, queries, HEADS * GROUP * DIM, bounds, state,
                              state + rows, state + 2 * rows, HEADS * GROUP, 0, 0.0883883f, 0};
        double best = 1e9;
        for (int repeat = 0; repeat < REPEATS; repeat++) {
          memset(state, 0, (size_t)(rows * (DIM + 2)) * sizeof *state);
          for (int64_t j = 0; j < rows; j++) {
            state[j] = -1e30f;
          }
          const double start = seconds();
          if (isas[i].fold(formats[f].format, formats[f].format, &fold, run) != KV_OK) {
            return 1;
          }
          const double time = seconds() - start;
          best = time < best ? time : best;
        }
        const double rate = 4.0 * (double)rows * DIM * context / best;
        printf("  %3d: %4.0f", chunk, 1e-9 * rate);
        if (peak > 0) {
          printf(" (%2.0f %%)", 100 * rate / peak);
        }
        free(queries);
        free(state);
        free(bounds);
      }
      printf("\n");
      free(run);
      free(memory);
    }
  }
  return 0;
}
