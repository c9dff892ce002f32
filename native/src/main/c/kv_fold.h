/*
 * The C view of attention as a fold over pages.
 *
 * A page holds `heads` keys tiles, then `heads` values tiles, each tile T = page_tokens slots; D is
 * the number of channels. All little endian. Codes come first, D rounded up to 4 (q8_0) or 8 (q4_0)
 * channels of them for keys and for values alike; f16 scales start on the next multiple of 64
 * bytes, and tiles are multiples of 128 bytes.
 *
 *   format     keys tile                            values tile                scales
 *   f32        f32 [D][T]                           f32 [T][D]
 *   f16 bf16   16 bit [D][T]                        16 bit [T][D]
 *   q8_0       i8 [ceil(D/4)][T][4 channels]        i8 [T/4][D][4 tokens]      f16 [ceil(D/32)][T]
 *   q4_0       u8 [ceil(D/8)][T][4]: low nibble     u8 [T/8][D][4]: low        f16 [ceil(D/32)][T]
 *              channel 8r+i, high 8r+4+i            nibble token 8r+i, high
 *                                                   8r+4+i
 *
 * So both kinds are one shape: [steps][lanes], a lane holding 1, 4 or 8 elements of the dimension
 * that is summed over: channels for keys, whose lanes are tokens; tokens for values, whose lanes
 * are channels.
 */
#ifndef KV_FOLD_H
#define KV_FOLD_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KV_EXPORT __attribute__((visibility("default")))

/* Format codes, as PageFormat.code(). */
enum { KV_F32 = 0, KV_F16 = 1, KV_BF16 = 2, KV_Q8_0 = 3, KV_Q4_0 = 4, KV_FORMATS = 5 };

/* Limits of a page. */
enum { KV_TOKENS_MAX = 64, KV_CHANNELS_MAX = 1024 };

/* What a fold or a library call answers. */
enum { KV_OK = 0, KV_BAD_FORMAT = -1, KV_BAD_SHAPE = -2, KV_BAD_ISA = -3 };

/* A page of a run. */
typedef struct {
  const uint8_t *address; /* 128-byte aligned */
  uint64_t live;          /* bit s: slot s may be attended to */
  int32_t position;       /* of slot 0 */
  int32_t slab;           /* not read here */
} kv_page;

/* What to fold: queries, geometry, and the state that is continued. */
typedef struct {
  int32_t query_tokens;
  int32_t heads; /* KV heads of the run */
  int32_t group; /* query heads of each KV head */
  int32_t key_dim;
  int32_t value_dim;
  int32_t page_tokens; /* 8, 16, ... 64 */
  int32_t pages;
  int32_t reserved;
  int64_t key_tile_bytes;
  int64_t value_tile_bytes;
  int64_t values_offset; /* heads * key_tile_bytes */
  const float *queries;  /* (token, head, g) at token*query_stride + (head*group + g)*key_dim */
  int64_t query_stride;  /* in floats */
  const int32_t *bounds; /* [query_tokens][2]: lowest and highest visible position */
  float *max;            /* [rows]; row of (token, head, g) = */
  float *sum;            /* [rows]; token*state_stride + first_row + head*group + g */
  float *out;            /* [rows][value_dim] */
  int64_t state_stride;
  int64_t first_row;
  float scale;
  float soft_cap; /* 0: none */
} kv_fold;

/*
 * Continue the state over the pages, in order, for every query row. What is computed for a row
 * depends on that row, the slots it sees and the order of pages alone, bit for bit.
 */
typedef int32_t kv_fold_function(int32_t key_format, int32_t value_format, const kv_fold *fold,
                                 const kv_page *pages);

/* Any processor. */
KV_EXPORT kv_fold_function kv_fold_baseline;
#if defined(__x86_64__)
/* AVX2, FMA, F16C. */
KV_EXPORT kv_fold_function kv_fold_avx2;
/* AVX-512 F, BW, DQ, VL. */
KV_EXPORT kv_fold_function kv_fold_avx512;
#endif

/* Whether the processor and the operating system run the kernels of "baseline", "avx2", "avx512":
 * 1 or 0; KV_BAD_ISA if this library has none of that name. */
KV_EXPORT int32_t kv_isa_supported(const char *name);

/* Sizes and offsets of the structs above, in the order of their fields, for a binding to compare
 * with its own: see kv_isa.c. Writes at most `capacity` numbers and answers how many there are. */
KV_EXPORT int32_t kv_abi(int32_t *numbers, int32_t capacity);

/* Sum of 64-bit words: what reading memory once costs at least. */
KV_EXPORT uint64_t kv_read(const void *memory, int64_t bytes);

/* The same over the pages of a run, each `page_bytes` long. */
KV_EXPORT uint64_t kv_read_pages(const kv_page *pages, int64_t count, int64_t page_bytes);

#ifdef __cplusplus
}
#endif

#endif
