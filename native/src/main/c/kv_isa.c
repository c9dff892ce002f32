/* Which kernels this processor runs, and the layout of the structs for a binding to check. */
#include <stddef.h>
#include <string.h>

#include "kv_fold.h"
#include "kv_io.h"
#include "kv_rows.h"

#if defined(__x86_64__)
#include <cpuid.h>

/* Register state that the operating system saves: bits of XCR0. */
enum { XCR0_AVX = 0x6, XCR0_AVX512 = 0xe6 };

static uint32_t saved_state(void) {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

static int has_avx2(void) {
  uint32_t a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d)) {
    return 0;
  }
  const uint32_t wanted = bit_FMA | bit_OSXSAVE | bit_AVX | bit_F16C;
  if ((c & wanted) != wanted || (saved_state() & XCR0_AVX) != XCR0_AVX) {
    return 0;
  }
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_AVX2);
}

static int has_avx512(int vnni) {
  uint32_t a, b, c, d;
  if (!has_avx2() || (saved_state() & XCR0_AVX512) != XCR0_AVX512 ||
      !__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
    return 0;
  }
  const uint32_t wanted = bit_AVX512F | bit_AVX512DQ | bit_AVX512BW | bit_AVX512VL;
  return (b & wanted) == wanted && (!vnni || ((c & bit_AVX512VNNI) && (c & bit_AVX512VBMI)));
}
#endif

int32_t kv_isa_supported(const char *name) {
  if (strcmp(name, "baseline") == 0) {
    return 1;
  }
#if defined(__x86_64__)
  if (strcmp(name, "avx2") == 0) {
    return has_avx2();
  }
  if (strcmp(name, "avx512") == 0) {
    return has_avx512(0);
  }
  if (strcmp(name, "avx512vnni") == 0) {
    return has_avx512(1);
  }
#elif defined(__aarch64__)
  if (strcmp(name, "neon") == 0) {
    return 1;
  }
#endif
  return KV_BAD_ISA;
}

int32_t kv_abi(int32_t *numbers, int32_t capacity) {
  static const int32_t abi[] = {
      sizeof(kv_page),
      offsetof(kv_page, address),
      offsetof(kv_page, live),
      offsetof(kv_page, position),
      offsetof(kv_page, slab),
      sizeof(kv_fold),
      offsetof(kv_fold, query_tokens),
      offsetof(kv_fold, heads),
      offsetof(kv_fold, group),
      offsetof(kv_fold, key_dim),
      offsetof(kv_fold, value_dim),
      offsetof(kv_fold, page_tokens),
      offsetof(kv_fold, pages),
      offsetof(kv_fold, key_tile_bytes),
      offsetof(kv_fold, value_tile_bytes),
      offsetof(kv_fold, values_offset),
      offsetof(kv_fold, queries),
      offsetof(kv_fold, query_stride),
      offsetof(kv_fold, bounds),
      offsetof(kv_fold, max),
      offsetof(kv_fold, sum),
      offsetof(kv_fold, out),
      offsetof(kv_fold, state_stride),
      offsetof(kv_fold, first_row),
      offsetof(kv_fold, scale),
      offsetof(kv_fold, soft_cap),
      sizeof(kv_seal),
      offsetof(kv_seal, tokens),
      offsetof(kv_seal, channels),
      offsetof(kv_seal, live),
      offsetof(kv_seal, granules),
      offsetof(kv_seal, mean),
      offsetof(kv_seal, factors),
      offsetof(kv_seal, rotated),
      offsetof(kv_seal, largest),
      offsetof(kv_seal, scratch),
      offsetof(kv_seal, tile),
      sizeof(kv_put),
      offsetof(kv_put, heads),
      offsetof(kv_put, first),
      offsetof(kv_put, rows),
      offsetof(kv_put, key_dim),
      offsetof(kv_put, value_dim),
      offsetof(kv_put, key_stride),
      offsetof(kv_put, value_stride),
      offsetof(kv_put, keys),
      offsetof(kv_put, values),
      offsetof(kv_put, key_tile_bytes),
      offsetof(kv_put, value_tile_bytes),
      offsetof(kv_put, granule),
      sizeof(kv_piece),
      offsetof(kv_piece, memory),
      offsetof(kv_piece, offset),
      offsetof(kv_piece, bytes),
      offsetof(kv_piece, write),
      offsetof(kv_piece, result),
      KV_FORMATS,
      KV_TOKENS_MAX,
      KV_CHANNELS_MAX,
  };
  const int32_t count = (int32_t)(sizeof abi / sizeof abi[0]);
  for (int32_t i = 0; i < count && i < capacity; i++) {
    numbers[i] = abi[i];
  }
  return count;
}
