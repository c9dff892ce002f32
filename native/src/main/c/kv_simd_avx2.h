/*
 * The vector words of kv_tile.h in AVX2, FMA and F16C: 8 lanes. The `_n` words touch the first `n`
 * lanes only, 0 < n < 8.
 */
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

enum { LANES = 8, ROWS_MAX = 4, VECTORS_MAX = 2 };

typedef __m256 vf;
typedef __m256i vi;

#define INLINE static inline __attribute__((always_inline))

INLINE vi first(int n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

INLINE vf v_zero(void) { return _mm256_setzero_ps(); }
INLINE vf v_set(float x) { return _mm256_set1_ps(x); }
INLINE vf v_load(const float *p) { return _mm256_loadu_ps(p); }
INLINE vf v_load_n(const float *p, int n) { return _mm256_maskload_ps(p, first(n)); }
INLINE void v_store(float *p, vf x) { _mm256_storeu_ps(p, x); }
INLINE void v_store_n(float *p, vf x, int n) { _mm256_maskstore_ps(p, first(n), x); }

INLINE vf v_add(vf a, vf b) { return _mm256_add_ps(a, b); }
INLINE vf v_sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
INLINE vf v_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
INLINE vf v_div(vf a, vf b) { return _mm256_div_ps(a, b); }
INLINE vf v_max(vf a, vf b) { return _mm256_max_ps(a, b); }
INLINE vf v_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
INLINE float v_highest(vf a) {
  __m128 x = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  x = _mm_max_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)));
}
INLINE float v_total(vf a) {
  __m128 x = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  x = _mm_add_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)));
}

INLINE vf v_abs(vf a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
INLINE vf v_sign_of(vf magnitude, vf sign) {
  return _mm256_or_ps(magnitude, _mm256_and_ps(sign, _mm256_set1_ps(-0.0f)));
}
INLINE vf v_if_less(vf a, vf b, vf then, vf otherwise) {
  return _mm256_blendv_ps(otherwise, then, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
}
/* Lane i of x where bit i of `bits` is set, else of `otherwise`. */
INLINE vf v_if_bit(uint64_t bits, vf x, vf otherwise) {
  const vi lane = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
  vi set = _mm256_and_si256(_mm256_set1_epi32((int)(bits & 255)), lane);
  return _mm256_blendv_ps(otherwise, x, _mm256_castsi256_ps(_mm256_cmpeq_epi32(set, lane)));
}
INLINE vf v_round(vf x) {
  return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
/* 2^n for whole n from -127, which gives 0, to 127. */
INLINE vf v_power_of_2(vf n) {
  vi biased = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
  return _mm256_castsi256_ps(_mm256_slli_epi32(biased, 23));
}

INLINE __m128i halves_n(const uint8_t *p, int n) {
  uint16_t copy[LANES] = {0};
  memcpy(copy, p, 2 * (size_t)n);
  return _mm_loadu_si128((const __m128i *)copy);
}
INLINE vf v_f16(const uint8_t *p) {
  return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
}
INLINE vf v_f16_n(const uint8_t *p, int n) { return _mm256_cvtph_ps(halves_n(p, n)); }
INLINE vf widen_bf16(__m128i x) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(x), 16));
}
INLINE vf v_bf16(const uint8_t *p) { return widen_bf16(_mm_loadu_si128((const __m128i *)p)); }
INLINE vf v_bf16_n(const uint8_t *p, int n) { return widen_bf16(halves_n(p, n)); }

INLINE vi v_codes(const uint8_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
INLINE vi v_codes_n(const uint8_t *p, int n) {
  return _mm256_maskload_epi32((const int *)p, first(n));
}

/* Signed byte j of each lane, times 2^24: the byte is put on top instead of being shifted down. */
#define CODE8_UNIT 0x1p-24f
INLINE vf v_code8(vi codes, int j) {
  vi top = _mm256_slli_epi32(codes, 24 - 8 * j);
  return _mm256_cvtepi32_ps(j == 0 ? top
                                   : _mm256_and_si256(top, _mm256_set1_epi32((int)0xff000000)));
}

/* Code of element j of each lane, less 8, times 2^28: code xor 8 is that difference in two's
 * complement. A lane's nibbles 0, 2, 4, 6 are elements 0 to 3, the others elements 4 to 7. */
#define CODE4_UNIT 0x1p-28f
INLINE vf v_code4(vi codes, int j) {
  int shift = 28 - (8 * (j & 3) + (j & 4));
  vi top = _mm256_slli_epi32(_mm256_xor_si256(codes, _mm256_set1_epi8((char)0x88)), shift);
  return _mm256_cvtepi32_ps(shift == 28
                                ? top
                                : _mm256_and_si256(top, _mm256_set1_epi32((int)0xf0000000)));
}

INLINE vi v_right(vi x, int n) { return _mm256_srli_epi32(x, n); }
INLINE vi v_left(vi x, int n) { return _mm256_slli_epi32(x, n); }
INLINE vi v_bits(vi x, uint32_t mask) { return _mm256_and_si256(x, _mm256_set1_epi32((int)mask)); }
INLINE vi v_either(vi a, vi b) { return _mm256_or_si256(a, b); }
INLINE vf v_number(vi x) { return _mm256_cvtepi32_ps(x); }
INLINE vf v_as_float(vi x) { return _mm256_castsi256_ps(x); }
/* Entry of a table of 16 that the lowest 4 bits of each lane name. */
INLINE vf v_entry(const float *table, vi index) {
  const vf low = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table), index);
  const vf high = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table + 8), index);
  return _mm256_blendv_ps(low, high, _mm256_castsi256_ps(_mm256_slli_epi32(index, 28)));
}

/* --- what writing pages takes --- */

INLINE vf v_min(vf a, vf b) { return _mm256_min_ps(a, b); }
INLINE vf v_sqrt(vf a) { return _mm256_sqrt_ps(a); }
INLINE vi v_as_int(vf x) { return _mm256_castps_si256(x); }
/* Towards zero. */
INLINE vi v_int(vf x) { return _mm256_cvttps_epi32(x); }
INLINE vi v_plus(vi a, vi b) { return _mm256_add_epi32(a, b); }
INLINE vi v_minus(vi a, vi b) { return _mm256_sub_epi32(a, b); }
/* x and, where a >= b, n more. */
INLINE vi v_plus_if(vi x, vf a, vf b, int n) {
  const vi yes = _mm256_castps_si256(_mm256_cmp_ps(a, b, _CMP_GE_OQ));
  return _mm256_add_epi32(x, _mm256_and_si256(yes, _mm256_set1_epi32(n)));
}
INLINE void store_halves_n(uint8_t *p, __m128i x, int n) {
  if (n == LANES) {
    _mm_storeu_si128((__m128i *)p, x);
  } else {
    memcpy(p, &x, 2 * (size_t)n);
  }
}
/* f16 and bf16, rounded to the nearest, ties to even. */
INLINE void v_store_f16_n(uint8_t *p, vf x, int n) {
  store_halves_n(p, _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC), n);
}
INLINE void v_store_bf16_n(uint8_t *p, vf x, int n) {
  const vi bits = _mm256_castps_si256(x);
  const vi odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  const vi sum = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), odd);
  const vi top = _mm256_srli_epi32(sum, 16);
  store_halves_n(
      p, _mm_packus_epi32(_mm256_castsi256_si128(top), _mm256_extracti128_si256(top, 1)), n);
}
INLINE void v_store_codes_n(uint8_t *p, vi x, int n) {
  if (n == LANES) {
    _mm256_storeu_si256((__m256i *)p, x);
  } else {
    _mm256_maskstore_epi32((int *)p, first(n), x);
  }
}
/* Lane j of vector i becomes lane i of vector j. */
INLINE void v_transpose(vf *x) {
  vf y[LANES];
#pragma GCC unroll 4
  for (int i = 0; i < LANES; i += 2) {
    y[i] = _mm256_unpacklo_ps(x[i], x[i + 1]);
    y[i + 1] = _mm256_unpackhi_ps(x[i], x[i + 1]);
  }
#pragma GCC unroll 2
  for (int i = 0; i < LANES; i += 4) {
    x[i] = _mm256_shuffle_ps(y[i], y[i + 2], 0x44);
    x[i + 1] = _mm256_shuffle_ps(y[i], y[i + 2], 0xee);
    x[i + 2] = _mm256_shuffle_ps(y[i + 1], y[i + 3], 0x44);
    x[i + 3] = _mm256_shuffle_ps(y[i + 1], y[i + 3], 0xee);
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; j++) {
    const vf low = x[j], high = x[4 + j];
    x[j] = _mm256_permute2f128_ps(low, high, 0x20);
    x[4 + j] = _mm256_permute2f128_ps(low, high, 0x31);
  }
}

/* To the first level, of which a page ahead is too much: the lines are then met in the second. */
INLINE void v_prefetch(const uint8_t *p) { _mm_prefetch((const char *)p, _MM_HINT_T0); }
