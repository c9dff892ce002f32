/*
 * The vector words of kv_tile.h for any processor: 4 lanes in the compiler's vector types. The `_n`
 * words touch the first `n` lanes only, 0 < n < 4.
 */
#include <stdint.h>
#include <string.h>

enum { LANES = 4, ROWS_MAX = 4, VECTORS_MAX = 2 };

typedef float vf __attribute__((vector_size(16)));
typedef int32_t vi __attribute__((vector_size(16)));
typedef uint16_t halves __attribute__((vector_size(8)));

#define INLINE static inline __attribute__((always_inline))

INLINE vf v_zero(void) { return (vf){0, 0, 0, 0}; }
INLINE vf v_set(float x) { return (vf){x, x, x, x}; }
INLINE vf v_load(const float *p) {
  vf x;
  memcpy(&x, p, sizeof x);
  return x;
}
INLINE vf v_load_n(const float *p, int n) {
  vf x = v_zero();
  memcpy(&x, p, sizeof(float) * (size_t)n);
  return x;
}
INLINE void v_store(float *p, vf x) { memcpy(p, &x, sizeof x); }
INLINE void v_store_n(float *p, vf x, int n) { memcpy(p, &x, sizeof(float) * (size_t)n); }

INLINE vf v_add(vf a, vf b) { return a + b; }
INLINE vf v_sub(vf a, vf b) { return a - b; }
INLINE vf v_mul(vf a, vf b) { return a * b; }
INLINE vf v_div(vf a, vf b) { return a / b; }
INLINE vf v_fma(vf a, vf b, vf c) { return a * b + c; }

INLINE vf either(vi mask, vf then, vf otherwise) {
  return (vf)((mask & (vi)then) | (~mask & (vi)otherwise));
}
INLINE vf v_if_less(vf a, vf b, vf then, vf otherwise) { return either(a < b, then, otherwise); }
INLINE vf v_max(vf a, vf b) { return v_if_less(a, b, b, a); }
INLINE float v_highest(vf a) {
  float low = a[0] < a[1] ? a[1] : a[0];
  float high = a[2] < a[3] ? a[3] : a[2];
  return low < high ? high : low;
}
INLINE float v_total(vf a) { return (a[0] + a[2]) + (a[1] + a[3]); }

INLINE vi every(uint32_t x) { return (vi){(int)x, (int)x, (int)x, (int)x}; }
INLINE vf v_abs(vf a) { return (vf)((vi)a & every(0x7fffffff)); }
INLINE vf v_sign_of(vf magnitude, vf sign) {
  return (vf)((vi)magnitude | ((vi)sign & every(0x80000000)));
}
/* Lane i of x where bit i of `bits` is set, else of `otherwise`. */
INLINE vf v_if_bit(uint64_t bits, vf x, vf otherwise) {
  const vi lane = {1, 2, 4, 8};
  return either((every((uint32_t)bits & 15) & lane) == lane, x, otherwise);
}
/* To the nearest whole number for |x| < 2^22: this sum keeps no fraction. */
INLINE vf v_round(vf x) {
  const vf shift = v_set(0x1.8p23f);
  return (x + shift) - shift;
}
/* 2^n for whole n from -127, which gives 0, to 127; anything for others, which are met where a row
 * sees nothing and may be beyond every int. */
INLINE vf v_power_of_2(vf n) {
  return (vf)(__builtin_convertvector(n + v_set(127), vi) << 23);
}

INLINE vi halves_n(const uint8_t *p, int n) {
  halves x = {0};
  memcpy(&x, p, 2 * (size_t)n);
  return __builtin_convertvector(x, vi);
}
/* Exponent and fraction of an f16 are those of an f32 but for the bias, which is 112 less; the
 * product also sets subnormals right. */
INLINE vf widen_f16(vi x) {
  vf magnitude = (vf)((x & 0x7fff) << 13) * v_set(0x1p112f);
  return (vf)((vi)magnitude | ((x & 0x8000) << 16));
}
INLINE vf v_f16(const uint8_t *p) { return widen_f16(halves_n(p, LANES)); }
INLINE vf v_f16_n(const uint8_t *p, int n) { return widen_f16(halves_n(p, n)); }
INLINE vf v_bf16(const uint8_t *p) { return (vf)(halves_n(p, LANES) << 16); }
INLINE vf v_bf16_n(const uint8_t *p, int n) { return (vf)(halves_n(p, n) << 16); }

INLINE vi v_codes(const uint8_t *p) {
  vi x;
  memcpy(&x, p, sizeof x);
  return x;
}
INLINE vi v_codes_n(const uint8_t *p, int n) {
  vi x = {0};
  memcpy(&x, p, 4 * (size_t)n);
  return x;
}

/* Signed byte j of each lane, times 2^24: the byte is put on top instead of being shifted down. */
#define CODE8_UNIT 0x1p-24f
INLINE vf v_code8(vi codes, int j) {
  return __builtin_convertvector((codes << (24 - 8 * j)) & every(0xff000000), vf);
}

/* Code of element j of each lane, less 8, times 2^28: code xor 8 is that difference in two's
 * complement. A lane's nibbles 0, 2, 4, 6 are elements 0 to 3, the others elements 4 to 7. */
#define CODE4_UNIT 0x1p-28f
INLINE vf v_code4(vi codes, int j) {
  int shift = 28 - (8 * (j & 3) + (j & 4));
  return __builtin_convertvector(((codes ^ every(0x88888888)) << shift) & every(0xf0000000), vf);
}

INLINE vi v_right(vi x, int n) {
  typedef uint32_t vu __attribute__((vector_size(16)));
  return (vi)((vu)x >> n);
}
INLINE vi v_left(vi x, int n) { return x << n; }
INLINE vi v_bits(vi x, uint32_t mask) { return x & every(mask); }
INLINE vi v_either(vi a, vi b) { return a | b; }
INLINE vf v_number(vi x) { return __builtin_convertvector(x, vf); }
INLINE vf v_as_float(vi x) { return (vf)x; }
/* Entry of a table of 16 that the lowest 4 bits of each lane name. */
INLINE vf v_entry(const float *table, vi index) {
  return (vf){table[index[0] & 15], table[index[1] & 15], table[index[2] & 15],
              table[index[3] & 15]};
}

/* --- what writing pages takes --- */

INLINE vf v_min(vf a, vf b) { return v_if_less(b, a, b, a); }
INLINE vf v_sqrt(vf a) {
  return (vf){__builtin_sqrtf(a[0]), __builtin_sqrtf(a[1]), __builtin_sqrtf(a[2]),
              __builtin_sqrtf(a[3])};
}
INLINE vi v_as_int(vf x) { return (vi)x; }
/* Towards zero. */
INLINE vi v_int(vf x) { return __builtin_convertvector(x, vi); }
INLINE vi v_plus(vi a, vi b) { return a + b; }
INLINE vi v_minus(vi a, vi b) { return a - b; }
/* x and, where a >= b, n more. */
INLINE vi v_plus_if(vi x, vf a, vf b, int n) { return x + ((a >= b) & every((uint32_t)n)); }
/* f16, rounded to the nearest, ties to even. Exponent and fraction are those of an f32 but for the
 * bias; numbers below f16's normal ones are rounded by an addition, whose result has no more bits
 * than f16 has there. */
INLINE void v_store_f16_n(uint8_t *p, vf x, int n) {
  const vi size = (vi)x & every(0x7fffffff);
  const vi odd = v_right(size, 13) & 1;
  const vi normal = v_right(size + every(0xc8000fff) + odd, 13);
  const vi small = (vi)((vf)size + v_set(0.5f)) - every(0x3f000000);
  vi half = (vi)either(size < every(0x38800000), (vf)small, (vf)normal);
  half = (vi)either(size >= every(0x477ff000), (vf)every(0x7c00), (vf)half);
  half |= v_right((vi)x, 16) & every(0x8000);
  const halves bits = __builtin_convertvector(half, halves);
  memcpy(p, &bits, 2 * (size_t)n);
}
INLINE void v_store_bf16_n(uint8_t *p, vf x, int n) {
  const vi bits = (vi)x;
  const vi top = v_right(bits + every(0x7fff) + (v_right(bits, 16) & 1), 16);
  const halves rounded = __builtin_convertvector(top, halves);
  memcpy(p, &rounded, 2 * (size_t)n);
}
INLINE void v_store_codes_n(uint8_t *p, vi x, int n) { memcpy(p, &x, 4 * (size_t)n); }
/* Lane j of vector i becomes lane i of vector j. */
INLINE void v_transpose(vf *x) {
  const vf a = x[0], b = x[1], c = x[2], d = x[3];
  x[0] = (vf){a[0], b[0], c[0], d[0]};
  x[1] = (vf){a[1], b[1], c[1], d[1]};
  x[2] = (vf){a[2], b[2], c[2], d[2]};
  x[3] = (vf){a[3], b[3], c[3], d[3]};
}

/* To the second level: fewer lines at a time may be on their way to the first. */
INLINE void v_prefetch(const uint8_t *p) { __builtin_prefetch(p, 0, 2); }
