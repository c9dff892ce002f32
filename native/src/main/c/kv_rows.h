/*
 * The C view of rows: what a step appends, how full pages are encoded from it, and how queries and
 * sums are rotated. Codes and numbers of a tile lie as kv_fold.h says; what they are is what the
 * formats in Java make of the same rows, bit for bit.
 */
#ifndef KV_ROWS_H
#define KV_ROWS_H

#include "kv_fold.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Tokens of a granule, whose tiles hold rows as they were appended: keys [channels][8], values
 * [8][channels], in f32, f16 or bf16. */
enum { KV_GRANULE = 8 };

/*
 * A tile to encode from granules. Rows are transformed first, by channel in this order: less mean,
 * times factor, then rotated as kv_rotate says if they are to be, and brought into
 * [-largest, largest]. Rows that do not live are zero.
 */
typedef struct {
  int32_t tokens; /* of the page: 8, 16, ... 64 */
  int32_t channels;
  uint64_t live;
  const uint8_t *granules[KV_TOKENS_MAX / KV_GRANULE]; /* tiles; NULL: none of its rows lives */
  const float *mean;                                   /* [channels] or NULL, as the next */
  const float *factors;
  int32_t rotated;
  float largest;
  float *scratch; /* [tokens rounded up to 16][channels], 64-byte aligned */
  uint8_t *tile;  /* every byte of codes and numbers is written, none of the padding behind them */
} kv_seal;

typedef int32_t kv_seal_function(int32_t keys, int32_t format, int32_t raw_format,
                                 const kv_seal *seal);

/* Rows to be written to one granule. */
typedef struct {
  int32_t heads; /* of the granule */
  int32_t first; /* slot of the first row */
  int32_t rows;  /* first + rows <= 8 */
  int32_t key_dim;
  int32_t value_dim;
  int32_t reserved;
  int64_t key_stride; /* floats from a token's rows to the next's */
  int64_t value_stride;
  const float *keys; /* (token, head) at token*key_stride + head*key_dim */
  const float *values;
  int64_t key_tile_bytes;
  int64_t value_tile_bytes;
  uint8_t *granule; /* keys tiles of all heads, then values tiles */
} kv_put;

typedef int32_t kv_put_function(int32_t key_format, int32_t value_format, const kv_put *put);

/*
 * Rotates rows [rows][channels] in place: times `before` by channel, the Walsh-Hadamard transform,
 * times `after`; either may be NULL. The transform is block-diagonal over the powers of two that
 * make up the channels, the largest first. In a block of n channels, for h = 1, 2, 4 .. n/2 every
 * pair (i, i + h) with i & h == 0 becomes (a + b, a - b) in f32; then all is multiplied by the f32
 * nearest to 1/sqrt(n). `scratch` is [channels][16], 64-byte aligned.
 */
typedef void kv_rotate_function(float *rows, int64_t count, int32_t channels, const float *before,
                                const float *after, float *scratch);

/* How many of the numbers are not finite or larger than `largest`. */
typedef int64_t kv_bad_function(const float *numbers, int64_t count, float largest);

#define KV_ROWS_FUNCTIONS(isa)                   \
  KV_EXPORT kv_seal_function kv_seal_##isa;     \
  KV_EXPORT kv_put_function kv_put_##isa;       \
  KV_EXPORT kv_rotate_function kv_rotate_##isa; \
  KV_EXPORT kv_bad_function kv_bad_##isa;
KV_ROWS_FUNCTIONS(baseline)
#if defined(__x86_64__)
KV_ROWS_FUNCTIONS(avx2)
KV_ROWS_FUNCTIONS(avx512)
#elif defined(__aarch64__)
KV_ROWS_FUNCTIONS(neon)
#endif
#undef KV_ROWS_FUNCTIONS

#ifdef __cplusplus
}
#endif

#endif
