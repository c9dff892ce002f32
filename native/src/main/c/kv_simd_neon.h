/*
 * The vector words of kv_tile.h in NEON, which every AArch64 processor has: 4 lanes. The `_n` words
 * touch the first `n` lanes only, 0 < n < 4. 32 registers: 16 sums, and room for what they are made of.
 */
#include <arm_neon.h>
#include <stdint.h>
#include <string.h>

enum { LANES = 4, ROWS_MAX = 8, VECTORS_MAX = 2 };

typedef float32x4_t vf;
typedef int32x4_t vi;

#define INLINE static inline __attribute__((always_inline))

INLINE uint32x4_t unsigned_of(vi x) { return vreinterpretq_u32_s32(x); }
INLINE vi signed_of(uint32x4_t x) { return vreinterpretq_s32_u32(x); }

INLINE vf v_zero(void) { return vdupq_n_f32(0); }
INLINE vf v_set(float x) { return vdupq_n_f32(x); }
INLINE vf v_load(const float *p) { return vld1q_f32(p); }
INLINE vf v_load_n(const float *p, int n) {
  vf x = v_zero();
  memcpy(&x, p, sizeof(float) * (size_t)n);
  return x;
}
INLINE void v_store(float *p, vf x) { vst1q_f32(p, x); }
INLINE void v_store_n(float *p, vf x, int n) { memcpy(p, &x, sizeof(float) * (size_t)n); }

INLINE vf v_add(vf a, vf b) { return vaddq_f32(a, b); }
INLINE vf v_sub(vf a, vf b) { return vsubq_f32(a, b); }
INLINE vf v_mul(vf a, vf b) { return vmulq_f32(a, b); }
INLINE vf v_div(vf a, vf b) { return vdivq_f32(a, b); }
INLINE vf v_max(vf a, vf b) { return vmaxq_f32(a, b); }
INLINE vf v_fma(vf a, vf b, vf c) { return vfmaq_f32(c, a, b); }
INLINE float v_highest(vf a) { return vmaxvq_f32(a); }
INLINE float v_total(vf a) { return vaddvq_f32(a); }

INLINE vf v_abs(vf a) { return vabsq_f32(a); }
INLINE vf v_sign_of(vf magnitude, vf sign) {
  return vbslq_f32(vdupq_n_u32(0x80000000), sign, magnitude);
}
INLINE vf v_if_less(vf a, vf b, vf then, vf otherwise) {
  return vbslq_f32(vcltq_f32(a, b), then, otherwise);
}
/* Lane i of x where bit i of `bits` is set, else of `otherwise`. */
INLINE vf v_if_bit(uint64_t bits, vf x, vf otherwise) {
  const uint32x4_t lane = {1, 2, 4, 8};
  return vbslq_f32(vtstq_u32(vdupq_n_u32((uint32_t)bits), lane), x, otherwise);
}
INLINE vf v_round(vf x) { return vrndnq_f32(x); }
/* 2^n for whole n from -127, which gives 0, to 127; anything for others. */
INLINE vf v_power_of_2(vf n) {
  return vreinterpretq_f32_s32(vshlq_n_s32(vcvtq_s32_f32(vaddq_f32(n, v_set(127))), 23));
}

INLINE uint16x4_t halves_n(const uint8_t *p, int n) {
  uint16x4_t x = vdup_n_u16(0);
  memcpy(&x, p, 2 * (size_t)n);
  return x;
}
INLINE uint16x4_t halves(const uint8_t *p) { return vreinterpret_u16_u8(vld1_u8(p)); }
INLINE vf widen_f16(uint16x4_t x) { return vcvt_f32_f16(vreinterpret_f16_u16(x)); }
INLINE vf v_f16(const uint8_t *p) { return widen_f16(halves(p)); }
INLINE vf v_f16_n(const uint8_t *p, int n) { return widen_f16(halves_n(p, n)); }
INLINE vf widen_bf16(uint16x4_t x) { return vreinterpretq_f32_u32(vshll_n_u16(x, 16)); }
INLINE vf v_bf16(const uint8_t *p) { return widen_bf16(halves(p)); }
INLINE vf v_bf16_n(const uint8_t *p, int n) { return widen_bf16(halves_n(p, n)); }

INLINE vi v_codes(const uint8_t *p) { return vreinterpretq_s32_u8(vld1q_u8(p)); }
INLINE vi v_codes_n(const uint8_t *p, int n) {
  vi x = vdupq_n_s32(0);
  memcpy(&x, p, 4 * (size_t)n);
  return x;
}

/* Shifts by the compiler's operators: the intrinsics take literals only. */
INLINE vi v_right(vi x, int n) { return signed_of(unsigned_of(x) >> (uint32_t)n); }
INLINE vi v_left(vi x, int n) { return signed_of(unsigned_of(x) << (uint32_t)n); }
INLINE vi v_bits(vi x, uint32_t mask) { return vandq_s32(x, signed_of(vdupq_n_u32(mask))); }
INLINE vi v_either(vi a, vi b) { return vorrq_s32(a, b); }
INLINE vf v_number(vi x) { return vcvtq_f32_s32(x); }
INLINE vf v_as_float(vi x) { return vreinterpretq_f32_s32(x); }

/* Signed byte j of each lane: put on top instead of being shifted down, and read as a number with
 * 24 bits of fraction. */
#define CODE8_UNIT 1.0f
INLINE vf v_code8(vi codes, int j) {
  const vi top = v_left(codes, 24 - 8 * j);
  return vcvtq_n_f32_s32(j == 0 ? top : v_bits(top, 0xff000000), 24);
}

/* Code of element j of each lane, less 8, in the same way: code xor 8 is that difference in two's
 * complement. A lane's nibbles 0, 2, 4, 6 are elements 0 to 3, the others elements 4 to 7. */
#define CODE4_UNIT 1.0f
INLINE vf v_code4(vi codes, int j) {
  const int shift = 28 - (8 * (j & 3) + (j & 4));
  const vi top = v_left(veorq_s32(codes, signed_of(vdupq_n_u32(0x88888888))), shift);
  return vcvtq_n_f32_s32(shift == 28 ? top : v_bits(top, 0xf0000000), 28);
}

/* Entry of a table of 16 that the lowest 4 bits of each lane name. The upper halves of the numbers
 * are looked up, in two registers: whole numbers and halves up to 127 have nothing below. */
INLINE vf v_entry(const float *table, vi index) {
  uint16x8_t quarter[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    quarter[i] = vreinterpretq_u16_f32(vld1q_f32(table + 4 * i));
  }
  const uint8x16x2_t upper = {{vreinterpretq_u8_u16(vuzp2q_u16(quarter[0], quarter[1])),
                               vreinterpretq_u8_u16(vuzp2q_u16(quarter[2], quarter[3]))}};
  // Bytes 2 e and 2 e + 1 on top of two that are beyond the table, which gives 0.
  const uint32x4_t bytes = vmlaq_u32(vdupq_n_u32(0x0100ffff), unsigned_of(v_bits(index, 15)),
                                     vdupq_n_u32(0x02020000));
  return vreinterpretq_f32_u8(vqtbl2q_u8(upper, vreinterpretq_u8_u32(bytes)));
}

/* --- what writing pages takes --- */

INLINE vf v_min(vf a, vf b) { return vminq_f32(a, b); }
INLINE vf v_sqrt(vf a) { return vsqrtq_f32(a); }
INLINE vi v_as_int(vf x) { return vreinterpretq_s32_f32(x); }
/* Towards zero. */
INLINE vi v_int(vf x) { return vcvtq_s32_f32(x); }
INLINE vi v_plus(vi a, vi b) { return vaddq_s32(a, b); }
INLINE vi v_minus(vi a, vi b) { return vsubq_s32(a, b); }
/* x and, where a >= b, n more. */
INLINE vi v_plus_if(vi x, vf a, vf b, int n) {
  return vaddq_s32(x, vandq_s32(signed_of(vcgeq_f32(a, b)), vdupq_n_s32(n)));
}
INLINE void store_halves_n(uint8_t *p, uint16x4_t x, int n) {
  if (n == LANES) {
    vst1_u8(p, vreinterpret_u8_u16(x));
  } else {
    memcpy(p, &x, 2 * (size_t)n);
  }
}
/* f16 and bf16, rounded to the nearest, ties to even. */
INLINE void v_store_f16_n(uint8_t *p, vf x, int n) {
  store_halves_n(p, vreinterpret_u16_f16(vcvt_f16_f32(x)), n);
}
INLINE void v_store_bf16_n(uint8_t *p, vf x, int n) {
  const uint32x4_t bits = vreinterpretq_u32_f32(x);
  const uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
  store_halves_n(p, vaddhn_u32(bits, vaddq_u32(odd, vdupq_n_u32(0x7fff))), n);
}
INLINE void v_store_codes_n(uint8_t *p, vi x, int n) {
  if (n == LANES) {
    vst1q_u8(p, vreinterpretq_u8_s32(x));
  } else {
    memcpy(p, &x, 4 * (size_t)n);
  }
}
/* Lane j of vector i becomes lane i of vector j. */
INLINE void v_transpose(vf *x) {
  const float64x2_t a = vreinterpretq_f64_f32(vtrn1q_f32(x[0], x[1]));
  const float64x2_t b = vreinterpretq_f64_f32(vtrn2q_f32(x[0], x[1]));
  const float64x2_t c = vreinterpretq_f64_f32(vtrn1q_f32(x[2], x[3]));
  const float64x2_t d = vreinterpretq_f64_f32(vtrn2q_f32(x[2], x[3]));
  x[0] = vreinterpretq_f32_f64(vtrn1q_f64(a, c));
  x[1] = vreinterpretq_f32_f64(vtrn1q_f64(b, d));
  x[2] = vreinterpretq_f32_f64(vtrn2q_f64(a, c));
  x[3] = vreinterpretq_f32_f64(vtrn2q_f64(b, d));
}

/* To the second level: fewer lines at a time may be on their way to the first. */
INLINE void v_prefetch(const uint8_t *p) { __builtin_prefetch(p, 0, 2); }
