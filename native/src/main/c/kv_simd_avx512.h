/*
 * The vector words of kv_tile.h in AVX-512 F, BW, DQ, VL: 16 lanes. The `_n` words touch the first
 * `n` lanes only; masked loads do not fault on the others.
 */
#include <immintrin.h>
#include <stdint.h>

enum { LANES = 16, ROWS_MAX = 8, VECTORS_MAX = 2 };

typedef __m512 vf;
typedef __m512i vi;

#define INLINE static inline __attribute__((always_inline))

INLINE __mmask16 first(int n) { return (__mmask16)((1u << n) - 1); }

INLINE vf v_zero(void) { return _mm512_setzero_ps(); }
INLINE vf v_set(float x) { return _mm512_set1_ps(x); }
INLINE vf v_load(const float *p) { return _mm512_loadu_ps(p); }
INLINE vf v_load_n(const float *p, int n) { return _mm512_maskz_loadu_ps(first(n), p); }
INLINE void v_store(float *p, vf x) { _mm512_storeu_ps(p, x); }
INLINE void v_store_n(float *p, vf x, int n) { _mm512_mask_storeu_ps(p, first(n), x); }

INLINE vf v_add(vf a, vf b) { return _mm512_add_ps(a, b); }
INLINE vf v_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
INLINE vf v_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
INLINE vf v_div(vf a, vf b) { return _mm512_div_ps(a, b); }
INLINE vf v_max(vf a, vf b) { return _mm512_max_ps(a, b); }
INLINE vf v_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
INLINE float v_highest(vf a) { return _mm512_reduce_max_ps(a); }
INLINE float v_total(vf a) { return _mm512_reduce_add_ps(a); }

INLINE vf v_abs(vf a) { return _mm512_abs_ps(a); }
INLINE vf v_sign_of(vf magnitude, vf sign) {
  return _mm512_or_ps(magnitude, _mm512_and_ps(sign, _mm512_set1_ps(-0.0f)));
}
INLINE vf v_if_less(vf a, vf b, vf then, vf otherwise) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), otherwise, then);
}
/* Lane i of x where bit i of `bits` is set, else of `otherwise`. */
INLINE vf v_if_bit(uint64_t bits, vf x, vf otherwise) {
  return _mm512_mask_blend_ps((__mmask16)bits, otherwise, x);
}
INLINE vf v_round(vf x) {
  return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
/* 2^n for whole n from -127, which gives 0, to 127. */
INLINE vf v_power_of_2(vf n) {
  vi biased = _mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127));
  return _mm512_castsi512_ps(_mm512_slli_epi32(biased, 23));
}

INLINE vf v_f16(const uint8_t *p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}
INLINE vf v_f16_n(const uint8_t *p, int n) {
  return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(first(n), p));
}
INLINE vf widen_bf16(__m256i x) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16));
}
INLINE vf v_bf16(const uint8_t *p) {
  return widen_bf16(_mm256_loadu_si256((const __m256i *)p));
}
INLINE vf v_bf16_n(const uint8_t *p, int n) {
  return widen_bf16(_mm256_maskz_loadu_epi16(first(n), p));
}

INLINE vi v_codes(const uint8_t *p) { return _mm512_loadu_si512(p); }
INLINE vi v_codes_n(const uint8_t *p, int n) { return _mm512_maskz_loadu_epi32(first(n), p); }

/* Signed byte j of each lane, times 2^24: the byte is put on top instead of being shifted down. */
#define CODE8_UNIT 0x1p-24f
INLINE vf v_code8(vi codes, int j) {
  vi top = j == 3 ? _mm512_and_si512(codes, _mm512_set1_epi32((int)0xff000000))
                  : _mm512_shuffle_epi8(
                        codes, _mm512_set4_epi32(((12 + j) << 24) | 0x808080,
                                                 ((8 + j) << 24) | 0x808080,
                                                 ((4 + j) << 24) | 0x808080, (j << 24) | 0x808080));
  return _mm512_cvtepi32_ps(top);
}

/* Code of channel or token j of each lane, less 8, through a table: a lane's nibbles 0, 2, 4, 6 are
 * elements 0 to 3, nibbles 1, 3, 5, 7 are elements 4 to 7. */
#define CODE4_UNIT 1.0f
INLINE vf v_code4(vi codes, int j) {
  const vf table =
      _mm512_setr_ps(-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7);
  int shift = 8 * (j & 3) + (j & 4);
  return _mm512_permutexvar_ps(_mm512_srli_epi32(codes, shift), table);
}

INLINE vi v_right(vi x, int n) { return _mm512_srli_epi32(x, (unsigned)n); }
INLINE vi v_left(vi x, int n) { return _mm512_slli_epi32(x, (unsigned)n); }
INLINE vi v_bits(vi x, uint32_t mask) { return _mm512_and_si512(x, _mm512_set1_epi32((int)mask)); }
INLINE vi v_either(vi a, vi b) { return _mm512_or_si512(a, b); }
INLINE vf v_number(vi x) { return _mm512_cvtepi32_ps(x); }
INLINE vf v_as_float(vi x) { return _mm512_castsi512_ps(x); }
/* Entry of a table of 16 that the lowest 4 bits of each lane name. */
INLINE vf v_entry(const float *table, vi index) {
  return _mm512_permutexvar_ps(index, _mm512_loadu_ps(table));
}

/* --- what writing pages takes --- */

INLINE vf v_min(vf a, vf b) { return _mm512_min_ps(a, b); }
INLINE vf v_sqrt(vf a) { return _mm512_sqrt_ps(a); }
INLINE vi v_as_int(vf x) { return _mm512_castps_si512(x); }
/* Towards zero. */
INLINE vi v_int(vf x) { return _mm512_cvttps_epi32(x); }
INLINE vi v_plus(vi a, vi b) { return _mm512_add_epi32(a, b); }
INLINE vi v_minus(vi a, vi b) { return _mm512_sub_epi32(a, b); }
/* x and, where a >= b, n more. */
INLINE vi v_plus_if(vi x, vf a, vf b, int n) {
  return _mm512_mask_add_epi32(x, _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ), x, _mm512_set1_epi32(n));
}
/* f16 and bf16, rounded to the nearest, ties to even. */
INLINE void v_store_f16_n(uint8_t *p, vf x, int n) {
  _mm256_mask_storeu_epi16(p, first(n),
                           _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
INLINE void v_store_bf16_n(uint8_t *p, vf x, int n) {
  const vi bits = _mm512_castps_si512(x);
  const vi odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const vi sum = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd);
  _mm256_mask_storeu_epi16(p, first(n), _mm512_cvtepi32_epi16(_mm512_srli_epi32(sum, 16)));
}
INLINE void v_store_codes_n(uint8_t *p, vi x, int n) { _mm512_mask_storeu_epi32(p, first(n), x); }
/* Eight numbers from each of two places. */
#define V_TWO_GRANULES
INLINE vf v_two_f32(const uint8_t *low, const uint8_t *high) {
  return _mm512_insertf32x8(_mm512_castps256_ps512(_mm256_loadu_ps((const float *)low)),
                            _mm256_loadu_ps((const float *)high), 1);
}
INLINE __m256i two_halves(const uint8_t *low, const uint8_t *high) {
  return _mm256_inserti128_si256(
      _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)low)),
      _mm_loadu_si128((const __m128i *)high), 1);
}
INLINE vf v_two_f16(const uint8_t *low, const uint8_t *high) {
  return _mm512_cvtph_ps(two_halves(low, high));
}
INLINE vf v_two_bf16(const uint8_t *low, const uint8_t *high) {
  return widen_bf16(two_halves(low, high));
}
/* Lane j of vector i becomes lane i of vector j. */
INLINE void v_transpose(vf *x) {
  vf y[LANES];
#pragma GCC unroll 8
  for (int i = 0; i < LANES; i += 2) {
    y[i] = _mm512_unpacklo_ps(x[i], x[i + 1]);
    y[i + 1] = _mm512_unpackhi_ps(x[i], x[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < LANES; i += 4) {
    const __m512d a = _mm512_castps_pd(y[i]), b = _mm512_castps_pd(y[i + 1]);
    const __m512d c = _mm512_castps_pd(y[i + 2]), d = _mm512_castps_pd(y[i + 3]);
    x[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, c));
    x[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, c));
    x[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, d));
    x[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, d));
  }
  /* Quarter q of x[4 g + j] now holds lane 4 q + j of the vectors 4 g to 4 g + 3. */
#pragma GCC unroll 4
  for (int j = 0; j < 4; j++) {
    const vf a = _mm512_shuffle_f32x4(x[j], x[4 + j], 0x88);
    const vf b = _mm512_shuffle_f32x4(x[j], x[4 + j], 0xdd);
    const vf c = _mm512_shuffle_f32x4(x[8 + j], x[12 + j], 0x88);
    const vf d = _mm512_shuffle_f32x4(x[8 + j], x[12 + j], 0xdd);
    y[j] = _mm512_shuffle_f32x4(a, c, 0x88);
    y[8 + j] = _mm512_shuffle_f32x4(a, c, 0xdd);
    y[4 + j] = _mm512_shuffle_f32x4(b, d, 0x88);
    y[12 + j] = _mm512_shuffle_f32x4(b, d, 0xdd);
  }
#pragma GCC unroll 16
  for (int i = 0; i < LANES; i++) {
    x[i] = y[i];
  }
}

/* To the first level, of which a page ahead is too much: the lines are then met in the second. */
INLINE void v_prefetch(const uint8_t *p) { _mm_prefetch((const char *)p, _MM_HINT_T0); }
