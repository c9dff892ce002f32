/*
 * Writing pages and rotating rows for one instruction set. A file that includes this has included a
 * kv_simd_*.h and defined KV_ISA(name), the names of the functions to make. It is compiled without
 * contraction of products and sums, which would round once where Java rounds twice.
 *
 * A tile is worked on in scratch, in strips of LANES tokens: [strip][channel][LANES]. So a group of
 * channels of one token is summed, and a row rotated, down the lanes of vectors, for keys and for
 * values alike. Only the raw rows of values come in across and their codes go out across, by
 * transposing LANES x LANES numbers. Where a page ends within a strip, the lanes beyond it repeat
 * the tokens before.
 */
#include "kv_rows.h"

#include <math.h>
#include <stddef.h>

#include "kv_format.h"

/* --- raw rows --- */

/* The raw rows of a granule that is not there. */
static const uint8_t NO_ROWS[4 * KV_GRANULE * KV_CHANNELS_MAX];

INLINE vf plain_n(const int format, const uint8_t *p, int n) {
  if (format == KV_F32) {
    return n == LANES ? v_load((const float *)p) : v_load_n((const float *)p, n);
  }
  if (format == KV_F16) {
    return n == LANES ? v_f16(p) : v_f16_n(p, n);
  }
  return n == LANES ? v_bf16(p) : v_bf16_n(p, n);
}

INLINE void store_plain_n(const int format, uint8_t *p, vf x, int n) {
  if (format == KV_F32) {
    if (n == LANES) {
      v_store((float *)p, x);
    } else {
      v_store_n((float *)p, x, n);
    }
  } else if (format == KV_F16) {
    v_store_f16_n(p, x, n);
  } else {
    v_store_bf16_n(p, x, n);
  }
}

INLINE int plain_bytes(const int format) { return format == KV_F32 ? 4 : 2; }

INLINE int least(int a, int b) { return a < b ? a : b; }

/* The tile of granules that holds a token; a strip's lanes beyond the page repeat the last ones. */
INLINE const uint8_t *granule_of(const kv_seal *seal, int token) {
  const uint8_t *tile = seal->granules[least(token, seal->tokens - 1) / KV_GRANULE];
  return tile ? tile : NO_ROWS;
}

/* Bit i: lane i of the strip at `token` lives. */
INLINE uint64_t live_of(const kv_seal *seal, int token) {
  uint64_t live = seal->live >> token;
  return token + LANES > seal->tokens ? (live & 0xff) * 0x101 : live;
}

/* One channel of the keys of a strip. */
INLINE vf raw_keys(const int raw, const kv_seal *seal, int token, int channel) {
  const int bytes = plain_bytes(raw);
  const int at = channel * KV_GRANULE * bytes;
#ifdef V_TWO_GRANULES
  const uint8_t *low = granule_of(seal, token) + at;
  const uint8_t *high = granule_of(seal, token + KV_GRANULE) + at;
  return raw == KV_F32 ? v_two_f32(low, high) : raw == KV_F16 ? v_two_f16(low, high)
                                                              : v_two_bf16(low, high);
#else
  return plain_n(raw, granule_of(seal, token) + at + token % KV_GRANULE * bytes, LANES);
#endif
}

/* Channels [channel, channel + n) of the values of a strip: vector i is channel + i. */
INLINE void raw_values(const int raw, const kv_seal *seal, int token, int channel, int n, vf *x) {
  for (int i = 0; i < LANES; i++) {
    const int slot = (token + i) % KV_GRANULE;
    const uint8_t *row = granule_of(seal, token + i) +
                         (int64_t)plain_bytes(raw) * (slot * seal->channels + channel);
    x[i] = plain_n(raw, row, n);
  }
  v_transpose(x);
}

/* --- rotation --- */

/* Stages h, 2h, .. of `radix` channels h apart, which lie `step` vectors apart. */
INLINE void stages(const int radix, float *x, int64_t step) {
  vf a[8];
#pragma GCC unroll 8
  for (int i = 0; i < radix; i++) {
    a[i] = v_load(x + i * step);
  }
#pragma GCC unroll 3
  for (int h = 1; h < radix; h *= 2) {
#pragma GCC unroll 8
    for (int i = 0; i < radix; i++) {
      if ((i & h) == 0) {
        const vf sum = v_add(a[i], a[i + h]);
        a[i + h] = v_sub(a[i], a[i + h]);
        a[i] = sum;
      }
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < radix; i++) {
    v_store(x + i * step, a[i]);
  }
}

INLINE void stages_of_block(const int radix, float *x, int block, int h) {
  for (int start = 0; start < block; start += radix * h) {
    for (int i = start; i < start + h; i++) {
      stages(radix, x + (int64_t)i * LANES, (int64_t)h * LANES);
    }
  }
}

/* Rotates a strip [channels][LANES]; what is left is to multiply by rotation_scale. */
static void rotate_strip(float *x, int channels) {
  for (int at = 0, left = channels; left > 0;) {
    const int block = 1 << (31 - __builtin_clz((unsigned)left));
    float *first = x + (int64_t)at * LANES;
    int h = 1;
    for (; 8 * h <= block; h *= 8) {
      stages_of_block(8, first, block, h);
    }
    if (4 * h <= block) {
      stages_of_block(4, first, block, h);
    } else if (2 * h <= block) {
      stages_of_block(2, first, block, h);
    }
    at += block;
    left -= block;
  }
}

/* By what the channels from `at` on are multiplied in the end, and where the next block starts. */
INLINE float rotation_scale(int at, int channels, int *next) {
  int start = 0;
  int block = 1 << (31 - __builtin_clz((unsigned)channels));
  while (start + block <= at) {
    start += block;
    block = 1 << (31 - __builtin_clz((unsigned)(channels - start)));
  }
  *next = start + block;
  return (float)(1 / sqrt(block));
}

void KV_ISA(kv_rotate)(float *rows, int64_t count, int32_t channels, const float *before,
                       const float *after, float *scratch) {
  for (int64_t row = 0; row < count; row += LANES) {
    const int n = count - row < LANES ? (int)(count - row) : LANES;
    float *from = rows + row * channels;
    for (int c = 0; c < channels; c += LANES) {
      const int width = least(LANES, channels - c);
      vf x[LANES];
      for (int i = 0; i < LANES; i++) {
        x[i] = i < n ? plain_n(KV_F32, (const uint8_t *)(from + (int64_t)i * channels + c), width)
                     : v_zero();
      }
      v_transpose(x);
      for (int i = 0; i < width; i++) {
        v_store(scratch + (int64_t)(c + i) * LANES,
                before ? v_mul(x[i], v_set(before[c + i])) : x[i]);
      }
    }
    rotate_strip(scratch, channels);
    for (int c = 0; c < channels; c += LANES) {
      const int width = least(LANES, channels - c);
      vf x[LANES];
      for (int i = 0; i < LANES; i++) {
        x[i] = v_zero();
      }
      for (int i = 0; i < width; i++) {
        int next;
        x[i] = v_mul(v_load(scratch + (int64_t)(c + i) * LANES),
                     v_set(rotation_scale(c + i, channels, &next)));
        if (after) {
          x[i] = v_mul(x[i], v_set(after[c + i]));
        }
      }
      v_transpose(x);
      for (int i = 0; i < n; i++) {
        store_plain_n(KV_F32, (uint8_t *)(from + (int64_t)i * channels + c), x[i], width);
      }
    }
  }
}

/* --- rows of a page, transformed --- */

/* A number of a row before the rotation. */
INLINE vf shifted(const kv_seal *seal, int channel, vf x) {
  if (seal->mean) {
    x = v_sub(x, v_set(seal->mean[channel]));
  }
  return seal->factors ? v_mul(x, v_set(seal->factors[channel])) : x;
}

/* Fills the strip at `token`, [channels][LANES]. */
INLINE void load_strip(const int keys, const int raw, const kv_seal *seal, int token,
                       float *strip) {
  const int channels = seal->channels;
  const int transformed = seal->mean || seal->factors || seal->rotated;
  const uint64_t live = live_of(seal, token);
  if (keys) {
    for (int c = 0; c < channels; c++) {
      const vf x = v_if_bit(live, raw_keys(raw, seal, token, c), v_zero());
      v_store(strip + (int64_t)c * LANES, transformed ? shifted(seal, c, x) : x);
    }
  } else {
    for (int c = 0; c < channels; c += LANES) {
      const int n = least(LANES, channels - c);
      vf x[LANES];
      raw_values(raw, seal, token, c, n, x);
      for (int i = 0; i < n; i++) {
        const vf y = v_if_bit(live, x[i], v_zero());
        v_store(strip + (int64_t)(c + i) * LANES, transformed ? shifted(seal, c + i, y) : y);
      }
    }
  }
  if (!transformed) {
    return;
  }
  if (seal->rotated) {
    rotate_strip(strip, channels);
  }
  const vf largest = v_set(seal->largest);
  const vf smallest = v_set(-seal->largest);
  for (int c = 0; c < channels;) {
    int next = channels;
    const vf scale = v_set(seal->rotated ? rotation_scale(c, channels, &next) : 1);
    for (; c < next; c++) {
      float *at = strip + (int64_t)c * LANES;
      const vf x = v_max(smallest, v_min(largest, v_mul(v_load(at), scale)));
      v_store(at, v_if_bit(live, x, v_zero()));
    }
  }
}

/* --- codes --- */

/*
 * Writes a plane of `bits` of every code, bits `from` and up, of codes i32 [strip][channel][LANES].
 * Elements of the last step that are beyond the last have the code `padding`.
 */
INLINE void pack_word(const int bits, const int from, const int last, int element, int padding,
                      const vi *codes, int count, uint8_t *p, int n) {
  const int per = 32 / bits;
  const uint32_t mask = bits == 8 ? 0xff : (1u << bits) - 1;
  vi word = v_as_int(v_zero());
  if (element % per != 0) {
    word = v_codes_n(p, n);
  }
  for (int i = 0; i < count; i++) {
    const int e = element % per + i;
    vi code = from ? v_right(codes[i], from) : codes[i];
    if (!last) {
      code = v_bits(code, mask);
    }
    word = v_either(word, v_left(code, 8 * (e % 4) + bits * (e / 4)));
  }
  if (padding) {
    for (int e = element % per + count; e < per; e++) {
      word = v_either(word, v_left(v_int(v_set((float)padding)), 8 * (e % 4) + bits * (e / 4)));
    }
  }
  v_store_codes_n(p, word, n);
}

INLINE void pack(const int keys, const int bits, const int from, const int last, int padding,
                 const kv_seal *seal, uint8_t *plane) {
  const int tokens = seal->tokens;
  const int channels = seal->channels;
  const int per = 32 / bits;
  for (int token = 0; token < tokens; token += LANES) {
    const int n = least(LANES, tokens - token);
    const float *strip = seal->scratch + (int64_t)token * channels;
    if (keys) {
      for (int c = 0; c < channels; c += per) {
        vi codes[32];
        const int count = least(per, channels - c);
        for (int i = 0; i < count; i++) {
          codes[i] = v_as_int(v_load(strip + (int64_t)(c + i) * LANES));
        }
        uint8_t *p = plane + 4 * ((int64_t)(c / per) * tokens + token);
        if (count == per) {
          pack_word(bits, from, last, 0, 0, codes, per, p, n);
        } else {
          pack_word(bits, from, last, 0, padding, codes, count, p, n);
        }
      }
    } else {
      for (int c = 0; c < channels; c += LANES) {
        const int width = least(LANES, channels - c);
        vf x[LANES];
        vi codes[LANES];
        for (int i = 0; i < LANES; i++) {
          x[i] = i < width ? v_load(strip + (int64_t)(c + i) * LANES) : v_zero();
        }
        v_transpose(x);
        for (int i = 0; i < LANES; i++) {
          codes[i] = v_as_int(x[i]);
        }
        for (int i = 0; i < n; i += per) {
          const int count = least(per, n - i);
          uint8_t *p = plane + 4 * ((int64_t)((token + i) / per) * channels + c);
          if (count == per) {
            pack_word(bits, from, last, token + i, 0, codes + i, per, p, width);
          } else {
            pack_word(bits, from, last, token + i, 0, codes + i, count, p, width);
          }
        }
      }
    }
  }
}

/* --- formats: each leaves codes in a strip and writes the numbers --- */

INLINE vf largest_of(const float *strip, int from, int to) {
  vf largest = v_zero();
  for (int c = from; c < to; c++) {
    largest = v_max(largest, v_abs(v_load(strip + (int64_t)c * LANES)));
  }
  return largest;
}

/* 1/x, or 0 where x is 0. */
INLINE vf inverse_of(vf x) {
  return v_if_less(v_zero(), v_abs(x), v_div(v_set(1), x), v_zero());
}

INLINE void store_code(float *at, vi code) { v_store(at, v_as_float(code)); }

/* x in [0, most], and 0 for what is no number. */
INLINE vf between(vf x, float most) {
  return v_min(v_if_less(v_zero(), x, x, v_zero()), v_set(most));
}

/* q8_0 and int8: half away from zero. The fraction is exact, so halves and only halves go up. */
INLINE void quantise_8(const kv_seal *seal, int token, float *strip, const int group,
                       uint8_t *numbers) {
  const int tokens = seal->tokens;
  const int n = least(LANES, tokens - token);
  for (int from = 0; from < seal->channels; from += group) {
    const int to = least(seal->channels, from + group);
    const vf scale = v_div(largest_of(strip, from, to), v_set(127));
    const vf inverse = inverse_of(scale);
    v_store_f16_n(numbers + 2 * ((int64_t)(from / group) * tokens + token), scale, n);
    for (int c = from; c < to; c++) {
      float *at = strip + (int64_t)c * LANES;
      const vf x = v_mul(v_load(at), inverse);
      const vf size = between(v_abs(x), 127);
      const vf whole = v_number(v_int(size));
      const vi code = v_plus_if(v_int(size), v_sub(size, whole), v_set(0.5f), 1);
      store_code(at, v_bits(v_int(v_sign_of(v_number(code), x)), 0xff));
    }
  }
}

INLINE void quantise_q4(const kv_seal *seal, int token, float *strip, uint8_t *numbers) {
  const int tokens = seal->tokens;
  const int n = least(LANES, tokens - token);
  for (int from = 0; from < seal->channels; from += GROUP) {
    const int to = least(seal->channels, from + GROUP);
    vf largest = v_zero();
    vf with_sign = v_zero();
    for (int c = from; c < to; c++) {
      const vf x = v_load(strip + (int64_t)c * LANES);
      with_sign = v_if_less(largest, v_abs(x), x, with_sign);
      largest = v_max(largest, v_abs(x));
    }
    const vf scale = v_div(with_sign, v_set(-8));
    const vf inverse = inverse_of(scale);
    v_store_f16_n(numbers + 2 * ((int64_t)(from / GROUP) * tokens + token), scale, n);
    for (int c = from; c < to; c++) {
      float *at = strip + (int64_t)c * LANES;
      const vf x = v_add(v_mul(v_load(at), inverse), v_set(8.5f));
      store_code(at, v_int(between(x, 15)));
    }
  }
}

INLINE vf rounded_to_f16(vf x) {
  uint16_t bits[LANES];
  v_store_f16_n((uint8_t *)bits, x, LANES);
  return v_f16((const uint8_t *)bits);
}

INLINE void quantise_fp8(const kv_seal *seal, int token, float *strip, uint8_t *numbers) {
  const int n = least(LANES, seal->tokens - token);
  const vf scale =
      rounded_to_f16(v_div(largest_of(strip, 0, seal->channels), v_set(448)));
  v_store_f16_n(numbers + 2 * (int64_t)token, scale, n);
  for (int c = 0; c < seal->channels; c++) {
    float *at = strip + (int64_t)c * LANES;
    const vf x = v_if_less(v_zero(), scale, v_div(v_load(at), scale), v_zero());
    const vf size = v_min(v_abs(x), v_set(448));
    /* Numbers of one exponent, and all subnormals, lie a power of two apart. */
    const vi exponent = v_right(v_as_int(v_max(size, v_set(0x1p-6f))), 23);
    const vf per_step = v_as_float(v_left(v_minus(v_int(v_set(257)), exponent), 23));
    const vi steps = v_int(v_round(v_mul(size, per_step)));
    const vi code = v_plus(v_left(v_minus(exponent, v_int(v_set(121))), 3), steps);
    store_code(at, v_either(code, v_right(v_bits(v_as_int(x), 0x80000000), 24)));
  }
}

/* Sums of 16 terms at a time, in the order that vectors of 16 add in. */
enum { TERMS = 16 };

INLINE vf total_of(vf *terms) {
#pragma GCC unroll 4
  for (int width = TERMS / 2; width > 0; width /= 2) {
#pragma GCC unroll 8
    for (int i = 0; i < width; i++) {
      terms[i] = v_add(terms[i], terms[i + width]);
    }
  }
  return terms[0];
}

INLINE void no_terms(vf *terms) {
#pragma GCC unroll 16
  for (int i = 0; i < TERMS; i++) {
    terms[i] = v_zero();
  }
}

/* Midpoints between the 2^bits levels for a search by halves: step k looks up entry `found so far`
 * of table k. */
INLINE void search_tables(const int bits, const float *levels, float (*tables)[16]) {
  for (int k = 0; k < bits; k++) {
    const int half = 1 << (bits - 1 - k);
    for (int i = 0; i < 16; i++) {
      const int at = i + half - 1;
      tables[k][i] = at + 1 < 1 << bits ? (levels[at] + levels[at + 1]) / 2 : 0;
    }
  }
}

/* How many midpoints are at most x: the level nearest to it. */
INLINE vi nearest(const int bits, const float (*tables)[16], vf x) {
  vi at = v_plus_if(v_as_int(v_zero()), x, v_set(tables[0][0]), 1 << (bits - 1));
#pragma GCC unroll 3
  for (int k = 1; k < bits; k++) {
    at = v_plus_if(at, x, v_entry(tables[k], at), 1 << (bits - 1 - k));
  }
  return at;
}

INLINE void quantise_turbo(const int bits, const int keys, const kv_seal *seal, int token,
                           float *strip, uint8_t *numbers) {
  const float *levels = bits == 4 ? LEVELS_OF_4 : bits == 3 ? LEVELS_OF_3 : LEVELS_OF_2;
  const float unit = (bits == 4 ? 2.7320f : bits == 3 ? 2.1518f : 1.5103f) / 127;
  float tables[4][16];
  search_tables(bits, levels, tables);
  const int channels = seal->channels;
  vf terms[TERMS];
  no_terms(terms);
  int c = 0;
  for (; c + TERMS <= channels; c += TERMS) {
#pragma GCC unroll 16
    for (int i = 0; i < TERMS; i++) {
      const vf x = v_load(strip + (int64_t)(c + i) * LANES);
      terms[i] = v_add(terms[i], v_mul(x, x));
    }
  }
  for (int i = 0; c + i < channels; i++) {
    const vf x = v_load(strip + (int64_t)(c + i) * LANES);
    terms[i] = v_add(terms[i], v_mul(x, x));
  }
  const vf sum = total_of(terms);
  const vf step = v_mul(v_sqrt(v_div(sum, v_set((float)channels))), v_set(unit));
  const vf inverse = v_div(v_set(1), step);
  vf level_terms[TERMS];
  no_terms(terms);
  no_terms(level_terms);
  for (c = 0; c < channels; c += TERMS) {
    const int count = least(TERMS, channels - c);
#pragma GCC unroll 16
    for (int i = 0; i < TERMS; i++) {
      if (i < count) {
        float *at = strip + (int64_t)(c + i) * LANES;
        const vf x = v_load(at);
        const vi code = nearest(bits, tables, v_mul(x, inverse));
        const vf level = v_entry(levels, code);
        if (!keys) {
          terms[i] = v_add(terms[i], v_mul(x, level));
        }
        level_terms[i] = v_add(level_terms[i], v_mul(level, level));
        store_code(at, code);
      }
    }
  }
  const vf level_sum = total_of(level_terms);
  const vf scale = keys ? v_div(v_sqrt(sum), v_sqrt(level_sum)) : v_div(total_of(terms), level_sum);
  v_store_f16_n(numbers + 2 * (int64_t)token, v_if_less(v_zero(), step, scale, v_zero()),
                least(LANES, seal->tokens - token));
  /* Rows of zeros have codes 0. */
  if (v_highest(v_if_less(v_zero(), step, v_zero(), v_set(1))) > 0) {
    for (c = 0; c < channels; c++) {
      float *at = strip + (int64_t)c * LANES;
      v_store(at, v_if_less(v_zero(), step, v_load(at), v_zero()));
    }
  }
}

/* --- kivi: scale * code + min --- */

typedef struct {
  vf scale, min, inverse;
} range;

INLINE range range_of(vf from, vf to, float code_max) {
  range r;
  r.scale = rounded_to_f16(v_div(v_sub(to, from), v_set(code_max)));
  r.min = rounded_to_f16(v_add(from, v_zero()));
  r.inverse = inverse_of(r.scale);
  return r;
}

INLINE vi code_in(range r, vf x, float code_max) {
  const vf steps = v_mul(v_sub(x, r.min), r.inverse);
  const vi code = v_int(between(v_add(steps, v_set(0.5f)), code_max));
  return v_as_int(v_if_less(v_zero(), r.scale, v_as_float(code), v_zero()));
}

INLINE vf squared_error(range r, vf x, float code_max) {
  const vf value = v_add(v_mul(r.scale, v_number(code_in(r, x, code_max))), r.min);
  const vf error = v_sub(x, value);
  return v_mul(error, error);
}

/* The i-th of eleven ranges to try, from half the values' own to all of it. */
INLINE range clipped_range(int i, vf min, vf max, float code_max) {
  const vf centre = v_div(v_add(max, min), v_set(2));
  const vf half = v_div(v_sub(max, min), v_set(2));
  const vf reach = v_mul(v_set((float)(10 + i) / 20.0f), half);
  return range_of(v_sub(centre, reach), v_add(centre, reach), code_max);
}

INLINE range better(vf error, vf than, range r, range otherwise) {
  range best;
  best.scale = v_if_less(error, than, r.scale, otherwise.scale);
  best.min = v_if_less(error, than, r.min, otherwise.min);
  best.inverse = v_if_less(error, than, r.inverse, otherwise.inverse);
  return best;
}

/* Values: a group is up to 64 channels of one token, down the lanes. */
INLINE void quantise_kivi_values(const int bits, const kv_seal *seal, int token, float *strip,
                                 uint8_t *numbers) {
  const float code_max = (1 << bits) - 1;
  const int tokens = seal->tokens;
  const int n = least(LANES, tokens - token);
  const int64_t groups = (int64_t)(seal->channels + KIVI_GROUP - 1) / KIVI_GROUP * tokens;
  for (int from = 0; from < seal->channels; from += KIVI_GROUP) {
    const int to = least(seal->channels, from + KIVI_GROUP);
    vf min = v_load(strip + (int64_t)from * LANES);
    vf max = min;
    for (int c = from + 1; c < to; c++) {
      const vf x = v_load(strip + (int64_t)c * LANES);
      min = v_min(min, x);
      max = v_max(max, x);
    }
    range best = range_of(min, max, code_max);
    if (bits == 2) {
      vf least_error = v_set(INFINITY);
      for (int i = 0; i <= 10; i++) {
        const range r = clipped_range(i, min, max, code_max);
        vf terms[TERMS];
        no_terms(terms);
        for (int c = from; c < to; c += TERMS) {
          const int count = least(TERMS, to - c);
#pragma GCC unroll 16
          for (int j = 0; j < TERMS; j++) {
            if (j < count) {
              const vf x = v_load(strip + (int64_t)(c + j) * LANES);
              terms[j] = v_add(terms[j], squared_error(r, x, code_max));
            }
          }
        }
        const vf error = total_of(terms);
        best = better(error, least_error, r, best);
        least_error = v_min(error, least_error);
      }
    }
    const int64_t index = (int64_t)(from / KIVI_GROUP) * tokens + token;
    v_store_f16_n(numbers + 2 * index, best.scale, n);
    v_store_f16_n(numbers + 2 * (groups + index), best.min, n);
    for (int c = from; c < to; c++) {
      float *at = strip + (int64_t)c * LANES;
      store_code(at, code_in(best, v_load(at), code_max));
    }
  }
}

/* The ranges of LANES channels, one after the other for use with a channel's tokens. */
typedef struct {
  float scale[LANES], min[LANES], inverse[LANES];
} ranges;

INLINE void spread(range r, ranges *to) {
  v_store(to->scale, r.scale);
  v_store(to->min, r.min);
  v_store(to->inverse, r.inverse);
}

INLINE range range_at(const ranges *of, int i) {
  const range r = {v_set(of->scale[i]), v_set(of->min[i]), v_set(of->inverse[i])};
  return r;
}

/* The errors of a range for each of n channels, in the lanes; term t of a channel is token t. */
INLINE vf key_errors(range r, const float *first, int n, const kv_seal *seal, float code_max) {
  const int tokens = seal->tokens;
  vf sums[LANES][TERMS / LANES];
  ranges of;
  spread(r, &of);
  for (int i = 0; i < LANES; i++) {
    for (int j = 0; j < TERMS / LANES; j++) {
      sums[i][j] = v_zero();
    }
    for (int token = 0; i < n && token < tokens; token += LANES) {
      const vf x = v_load(first + (int64_t)token * seal->channels + i * LANES);
      const vf term = squared_error(range_at(&of, i), x, code_max);
      vf *sum = &sums[i][token / LANES % (TERMS / LANES)];
      *sum = v_add(*sum, token + LANES > tokens
                             ? v_if_bit((1u << (tokens - token)) - 1, term, v_zero())
                             : term);
    }
  }
  vf terms[TERMS];
  for (int j = 0; j < TERMS / LANES; j++) {
    for (int i = 0; i < LANES; i++) {
      terms[j * LANES + i] = sums[i][j];
    }
    v_transpose(terms + j * LANES);
  }
  return total_of(terms);
}

/* Keys: a group is one channel of all tokens, across the lanes of all strips. */
INLINE void quantise_kivi_keys(const int bits, const kv_seal *seal, uint8_t *numbers) {
  const float code_max = (1 << bits) - 1;
  const int tokens = seal->tokens;
  const int channels = seal->channels;
  for (int c = 0; c < channels; c += LANES) {
    const int n = least(LANES, channels - c);
    float *first = seal->scratch + (int64_t)c * LANES;
    vf low[LANES], high[LANES];
    for (int i = 0; i < LANES; i++) {
      low[i] = high[i] = i < n ? v_load(first + i * LANES) : v_zero();
      for (int token = LANES; i < n && token < tokens; token += LANES) {
        const vf x = v_load(first + (int64_t)token * channels + i * LANES);
        low[i] = v_min(low[i], x);
        high[i] = v_max(high[i], x);
      }
    }
    v_transpose(low);
    v_transpose(high);
    vf min = low[0], max = high[0];
    for (int i = 1; i < LANES; i++) {
      min = v_min(min, low[i]);
      max = v_max(max, high[i]);
    }
    range best = range_of(min, max, code_max);
    if (bits == 2) {
      vf least_error = v_set(INFINITY);
      for (int i = 0; i <= 10; i++) {
        const range r = clipped_range(i, min, max, code_max);
        const vf error = key_errors(r, first, n, seal, code_max);
        best = better(error, least_error, r, best);
        least_error = v_min(error, least_error);
      }
    }
    v_store_f16_n(numbers + 2 * c, best.scale, n);
    v_store_f16_n(numbers + 2 * (channels + c), best.min, n);
    ranges of;
    spread(best, &of);
    for (int token = 0; token < tokens; token += LANES) {
      for (int i = 0; i < n; i++) {
        float *at = first + (int64_t)token * channels + i * LANES;
        store_code(at, code_in(range_at(&of, i), v_load(at), code_max));
      }
    }
  }
}

/* --- seal --- */

INLINE void seal_plain(const int keys, const int format, const kv_seal *seal) {
  const int bytes = plain_bytes(format);
  const int channels = seal->channels;
  for (int token = 0; token < seal->tokens; token += LANES) {
    const int n = least(LANES, seal->tokens - token);
    float *strip = seal->scratch;
    load_strip(keys, format, seal, token, strip);
    if (keys) {
      for (int c = 0; c < channels; c++) {
        store_plain_n(format, seal->tile + (int64_t)bytes * (c * seal->tokens + token),
                      v_load(strip + (int64_t)c * LANES), n);
      }
      continue;
    }
    for (int c = 0; c < channels; c += LANES) {
      const int width = least(LANES, channels - c);
      vf x[LANES];
      for (int i = 0; i < LANES; i++) {
        x[i] = i < width ? v_load(strip + (int64_t)(c + i) * LANES) : v_zero();
      }
      v_transpose(x);
      for (int i = 0; i < n; i++) {
        store_plain_n(format, seal->tile + (int64_t)bytes * ((token + i) * channels + c), x[i],
                      width);
      }
    }
  }
}

INLINE void seal_coded(const int keys, const int format, const int raw, const kv_seal *seal) {
  const kv_tile tile = {seal->tile, 0, seal->tokens, seal->channels};
  uint8_t *numbers_at = seal->tile + (numbers(format, keys, &tile) - seal->tile);
  const int channels = seal->channels;
  for (int token = 0; token < seal->tokens; token += LANES) {
    float *strip = seal->scratch + (int64_t)token * channels;
    load_strip(keys, raw, seal, token, strip);
    switch (format) {
      case KV_Q8_0: quantise_8(seal, token, strip, GROUP, numbers_at); break;
      case KV_Q4_0: quantise_q4(seal, token, strip, numbers_at); break;
      case KV_INT8: quantise_8(seal, token, strip, KV_CHANNELS_MAX, numbers_at); break;
      case KV_FP8_E4M3: quantise_fp8(seal, token, strip, numbers_at); break;
      case KV_TURBO4: quantise_turbo(4, keys, seal, token, strip, numbers_at); break;
      case KV_TURBO3: quantise_turbo(3, keys, seal, token, strip, numbers_at); break;
      case KV_TURBO2: quantise_turbo(2, keys, seal, token, strip, numbers_at); break;
      default:
        if (!keys) {
          quantise_kivi_values(code_bits(format), seal, token, strip, numbers_at);
        }
    }
  }
  if (keys && is_kivi(format)) {
    quantise_kivi_keys(code_bits(format), seal, numbers_at);
  }
  switch (code_bits(format)) {
    case 8: pack(keys, 8, 0, 1, 0, seal, seal->tile); break;
    case 4: pack(keys, 4, 0, 1, format == KV_Q4_0 ? 8 : 0, seal, seal->tile); break;
    case 2: pack(keys, 2, 0, 1, 0, seal, seal->tile); break;
    default:
      pack(keys, 2, 0, 0, 0, seal, seal->tile);
      pack(keys, 1, 2, 1, 0, seal, seal->tile + low_bytes(format, keys, &tile));
  }
}

/* One copy for each format and each kind. */
#define SEAL_CODED(format)                          \
  case format:                                      \
    if (keys) {                                     \
      seal_coded(1, format, KV_F16, seal);          \
    } else {                                        \
      seal_coded(0, format, KV_F16, seal);          \
    }                                               \
    return KV_OK

#define SEAL_PLAIN(format)             \
  case format:                         \
    if (keys) {                        \
      seal_plain(1, format, seal);     \
    } else {                           \
      seal_plain(0, format, seal);     \
    }                                  \
    return KV_OK

int32_t KV_ISA(kv_seal)(int32_t keys, int32_t format, int32_t raw_format, const kv_seal *seal) {
  if (seal->tokens < KV_GRANULE || seal->tokens > KV_TOKENS_MAX || seal->tokens % KV_GRANULE ||
      seal->channels < 1 || seal->channels > KV_CHANNELS_MAX) {
    return KV_BAD_SHAPE;
  }
  if (raw_format != (is_coded(format) ? KV_F16 : format)) {
    return KV_BAD_FORMAT;
  }
  switch (format) {
    SEAL_PLAIN(KV_F32);
    SEAL_PLAIN(KV_F16);
    SEAL_PLAIN(KV_BF16);
    SEAL_CODED(KV_Q8_0);
    SEAL_CODED(KV_Q4_0);
    SEAL_CODED(KV_INT8);
    SEAL_CODED(KV_FP8_E4M3);
    SEAL_CODED(KV_TURBO4);
    SEAL_CODED(KV_TURBO3);
    SEAL_CODED(KV_TURBO2);
    SEAL_CODED(KV_KIVI4);
    SEAL_CODED(KV_KIVI2);
    default: return KV_BAD_FORMAT;
  }
}

/* --- put --- */

INLINE void put_keys(const int format, const float *rows, int64_t stride, int first, int count,
                     int channels, uint8_t *tile) {
  const int bytes = plain_bytes(format);
  for (int c = 0; c < channels; c += LANES) {
    const int width = least(LANES, channels - c);
    for (int row = 0; row < count; row += LANES) {
      const int n = least(LANES, count - row);
      vf x[LANES];
      for (int i = 0; i < LANES; i++) {
        x[i] = i < n ? plain_n(KV_F32, (const uint8_t *)(rows + (row + i) * stride + c), width)
                     : v_zero();
      }
      if (n == 1) {
        uint8_t one[4 * LANES];
        store_plain_n(format, one, x[0], LANES);
        for (int i = 0; i < width; i++) {
          __builtin_memcpy(tile + (int64_t)bytes * ((c + i) * KV_GRANULE + first + row),
                           one + bytes * i, (size_t)bytes);
        }
        continue;
      }
      v_transpose(x);
      for (int i = 0; i < width; i++) {
        store_plain_n(format, tile + (int64_t)bytes * ((c + i) * KV_GRANULE + first + row), x[i],
                      n);
      }
    }
  }
}

INLINE void put_values(const int format, const float *rows, int64_t stride, int first, int count,
                       int channels, uint8_t *tile) {
  const int bytes = plain_bytes(format);
  for (int row = 0; row < count; row++) {
    for (int c = 0; c < channels; c += LANES) {
      const int n = least(LANES, channels - c);
      const vf x = plain_n(KV_F32, (const uint8_t *)(rows + row * stride + c), n);
      store_plain_n(format, tile + (int64_t)bytes * ((first + row) * channels + c), x, n);
    }
  }
}

#define PUT(kind, format, ...)                                \
  (format == KV_F32   ? put_##kind(KV_F32, __VA_ARGS__)       \
   : format == KV_F16 ? put_##kind(KV_F16, __VA_ARGS__)       \
                      : put_##kind(KV_BF16, __VA_ARGS__))

int32_t KV_ISA(kv_put)(int32_t key_format, int32_t value_format, const kv_put *put) {
  if (put->first < 0 || put->rows < 0 || put->first + put->rows > KV_GRANULE) {
    return KV_BAD_SHAPE;
  }
  if (is_coded(key_format) || is_coded(value_format)) {
    return KV_BAD_FORMAT;
  }
  uint8_t *tile = put->granule;
  for (int head = 0; head < put->heads; head++, tile += put->key_tile_bytes) {
    PUT(keys, key_format, put->keys + (int64_t)head * put->key_dim, put->key_stride, put->first,
        put->rows, put->key_dim, tile);
  }
  for (int head = 0; head < put->heads; head++, tile += put->value_tile_bytes) {
    PUT(values, value_format, put->values + (int64_t)head * put->value_dim, put->value_stride,
        put->first, put->rows, put->value_dim, tile);
  }
  return KV_OK;
}

int64_t KV_ISA(kv_bad)(const float *numbers, int64_t count, float largest) {
  const vf most = v_set(largest);
  int64_t good = 0;
  int64_t i = 0;
  while (i + LANES <= count) {
    vi counts = v_as_int(v_zero());
    const int64_t end = i + (int64_t)LANES * 1024 < count ? i + (int64_t)LANES * 1024 : count;
    for (; i + LANES <= end; i += LANES) {
      counts = v_plus_if(counts, most, v_abs(v_load(numbers + i)), 1);
    }
    float sums[LANES];
    v_store(sums, v_number(counts));
    for (int lane = 0; lane < LANES; lane++) {
      good += (int64_t)sums[lane];
    }
  }
  for (; i < count; i++) {
    good += fabsf(numbers[i]) <= largest;
  }
  return count - good;
}
