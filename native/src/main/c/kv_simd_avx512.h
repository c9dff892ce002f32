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

/* To the first level, of which a page ahead is too much: the lines are then met in the second. */
INLINE void v_prefetch(const uint8_t *p) { _mm_prefetch((const char *)p, _MM_HINT_T0); }
