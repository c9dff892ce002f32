/*
 * The C view of attention as a fold over pages.
 *
 * A page holds `heads` keys tiles, then `heads` values tiles, each tile T = page_tokens slots; D is
 * the number of channels. All little endian.
 *
 * Both kinds are one shape, [steps][lanes]: a lane holds elements of the dimension that is summed
 * over, which is channels for keys, whose lanes are the T tokens, and tokens for values, whose lanes
 * are the D channels. A step of a lane is an element of f32, f16 or bf16, or 32 bits of codes: 4
 * elements of 8 bits; 8 of 4 bits, elements i and 4+i in byte i, the former low; 16 of 2 bits,
 * elements i, 4+i, 8+i and 12+i in byte i, lowest first. Codes of 3 bits are their low two bits like
 * this, then a plane of the third: 32 elements of 1 bit, elements i, 4+i, ... 28+i in byte i.
 * Elements beyond the last are there, and their codes are any.
 *
 * f16 numbers follow on the next multiple of 64 bytes, and tiles are multiples of 128 bytes. With
 * the code c and the numbers s (and m) of the element's group, the value is
 *
 *   q8_0        s (i8) c         s [ceil(D/32)][T]
 *   q4_0        s (c - 8)        s [ceil(D/32)][T]
 *   int8        s (i8) c         s [T]
 *   fp8_e4m3    s (e4m3fn) c     s [T]
 *   turbo4 3 2  s level[c]       s [T]; see kv_format.h for the levels
 *   kivi4 2     s c + m          keys: s [D], m [D]; values: s [ceil(D/64)][T], m [ceil(D/64)][T]
 *
 * The codes of q8_0 and q4_0 take D rounded up to a whole step of channels, for values as well.
 */
#ifndef KV_FOLD_H
#define KV_FOLD_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KV_EXPORT __attribute__((visibility("default")))

/* Format codes, as PageFormat.code(). */
enum {
  KV_F32 = 0,
  KV_F16 = 1,
  KV_BF16 = 2,
  KV_Q8_0 = 3,
  KV_Q4_0 = 4,
  KV_INT8 = 5,
  KV_FP8_E4M3 = 6,
  KV_TURBO4 = 7,
  KV_TURBO3 = 8,
  KV_TURBO2 = 9,
  KV_KIVI4 = 10,
  KV_KIVI2 = 11,
  KV_FORMATS = 12
};

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
/* The same with VNNI and VBMI: integer dot products of codes, where a format has codes. */
KV_EXPORT kv_fold_function kv_fold_avx512vnni;
#elif defined(__aarch64__)
/* NEON, which every AArch64 processor has. */
KV_EXPORT kv_fold_function kv_fold_neon;
#endif

/* Whether the processor and the operating system run the kernels of "baseline", "avx2", "avx512",
 * "avx512vnni", "neon": 1 or 0; KV_BAD_ISA if this library has none of that name. */
KV_EXPORT int32_t kv_isa_supported(const char *name);

/* Sizes and offsets of the structs above, in the order of their fields, for a binding to compare
 * with its own: see kv_isa.c. Writes at most `capacity` numbers and answers how many there are. */
KV_EXPORT int32_t kv_abi(int32_t *numbers, int32_t capacity);

/* Sum of 64-bit words: what reading memory once costs at least. */
KV_EXPORT uint64_t kv_read(const void *memory, int64_t bytes);

/* The same over the pages of a run, each `page_bytes` long. What lies `ahead` bytes further on, in
 * the page or in the next one, is prefetched meanwhile; 0 leaves that to the processor. */
KV_EXPORT uint64_t kv_read_pages(const kv_page *pages, int64_t count, int64_t page_bytes,
                                 int64_t ahead);

#ifdef __cplusplus
}
#endif

#endif
