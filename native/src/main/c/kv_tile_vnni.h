/*
 * Sums over one tile in whole numbers, for formats whose codes stand for whole numbers: four times
 * as many products an instruction as f32 has, and no decoding.
 *
 * The coefficients, queries or weights, become whole numbers of 24 bits in three digits of 8: one
 * dot product of bytes for each digit, and all sums are exact until they are put together in f32.
 * So what is lost is what rounding a coefficient to 24 bits of the row's largest loses, no more
 * than f32 arithmetic would. As for floats, a row's result does not depend on the rows beside it.
 *
 * vpdpbusd takes unsigned bytes times signed bytes. For keys the codes are the unsigned side, raised
 * by a `zero`, which each sum makes up for by what it starts with; for values the weights are,
 * negative scales being moved to the codes.
 */

enum {
  DIGITS = 3,
  /* Rows whose sums, three for each, are enough chains to keep the multipliers busy and few enough for
   * the registers; the compiler spills twice as many. */
  CODED_ROWS_MAX = 4,
  /* More channels than this could overflow the sum of the first digit. */
  SPAN_MAX = 256
};

INLINE int is_whole(const int format) { return is_coded(format) && format != KV_FP8_E4M3; }

/* What codes of keys are raised by to be unsigned; of kivi's, what they are taken less, so that
 * small keys are not the difference of large sums. */
INLINE int zero_of(const int format) {
  return format == KV_Q4_0 || format == KV_KIVI4 ? 8 : format == KV_KIVI2 ? 2 : 128;
}

#define SIGNED(x) x
#define RAISED(x) ((x) + 128)
static const int8_t WHOLE_LEVELS_OF_4[16] = {LEVELS_4(SIGNED)};
static const int8_t WHOLE_LEVELS_OF_3[16] = {LEVELS_3(SIGNED)};
static const int8_t WHOLE_LEVELS_OF_2[16] = {LEVELS_2(SIGNED)};
static const uint8_t RAISED_LEVELS_OF_4[16] = {LEVELS_4(RAISED)};
static const uint8_t RAISED_LEVELS_OF_3[16] = {LEVELS_3(RAISED)};
static const uint8_t RAISED_LEVELS_OF_2[16] = {LEVELS_2(RAISED)};
#undef SIGNED
#undef RAISED

INLINE vi bytes_of(const void *table, vi index) {
  return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)table)), index);
}
INLINE vi v_spread(const void *four_bytes) {
  int32_t x;
  __builtin_memcpy(&x, four_bytes, 4);
  return _mm512_set1_epi32(x);
}

/* Codes of elements 4k to 4k + 3 of a step, one a byte, high bits clear; 8 bits as they are. */
INLINE vi quad(const int format, vi codes, vi third, int k) {
  switch (code_bits(format)) {
    case 4: return v_bits(k ? v_right(codes, 4) : codes, 0x0f0f0f0f);
    case 3: {
      const vi low = v_bits(k ? v_right(codes, 2 * k) : codes, 0x03030303);
      const vi high = k < 2 ? v_left(third, 2 - k) : k == 2 ? third : v_right(third, k - 2);
      return v_either(low, v_bits(high, 0x04040404));
    }
    case 2: return v_bits(k ? v_right(codes, 2 * k) : codes, 0x03030303);
    default: return codes;
  }
}

INLINE vi raised_quad(const int format, vi codes, vi third, int k) {
  const vi q = quad(format, codes, third, k);
  switch (format) {
    case KV_Q8_0:
    case KV_INT8: return _mm512_xor_si512(q, _mm512_set1_epi8((char)0x80));
    case KV_TURBO4: return bytes_of(RAISED_LEVELS_OF_4, q);
    case KV_TURBO3: return bytes_of(RAISED_LEVELS_OF_3, q);
    case KV_TURBO2: return bytes_of(RAISED_LEVELS_OF_2, q);
    default: return q;
  }
}

/* q4_0's codes less 8, then the same negated: with bit 4 set where a token's scale is negative. */
static const int8_t SIGNED_CODES[64] __attribute__((aligned(64))) = {
    -8, -7, -6, -5, -4, -3, -2, -1, 0, 1,  2,  3,  4,  5,  6,  7,
    8,  7,  6,  5,  4,  3,  2,  1,  0, -1, -2, -3, -4, -5, -6, -7};

/* `negative` has bit 4 set for each of the quad's tokens with a negative scale. */
INLINE vi signed_quad(const int format, vi codes, vi third, int k, const uint8_t *negative) {
  const vi q = quad(format, codes, third, k);
  switch (format) {
    case KV_Q4_0:
      return _mm512_permutexvar_epi8(v_either(q, v_spread(negative)),
                                     _mm512_load_si512(SIGNED_CODES));
    case KV_KIVI4: return _mm512_sub_epi8(q, _mm512_set1_epi8(8));
    case KV_KIVI2: return _mm512_sub_epi8(q, _mm512_set1_epi8(2));
    case KV_TURBO4: return bytes_of(WHOLE_LEVELS_OF_4, q);
    case KV_TURBO3: return bytes_of(WHOLE_LEVELS_OF_3, q);
    case KV_TURBO2: return bytes_of(WHOLE_LEVELS_OF_2, q);
    default: return q;
  }
}

/*
 * Coefficients as whole numbers, unit * (digit 0 * 65536 + digit 1 * 256 + digit 2): digits are signed,
 * from -128 to 127, for keys and unsigned for values. Four neighbouring elements have their digits
 * side by side, i8 or u8 [elements / 4][DIGITS][4].
 */
typedef struct {
  const uint8_t *digits;
  float unit;
} kv_coded_row;

/* Largest whole numbers of three digits, less what f32 may round up. */
#define SIGNED_MAX 8355000.0f
#define UNSIGNED_MAX 16777000.0f

/* Bytes of the digits of `elements`, a multiple of 16; the last store is a little longer. */
INLINE int digit_bytes(int elements) { return DIGITS * elements + 16; }

/* Digits of 16 numbers as they are stored, in the first 48 bytes. */
INLINE vi digits_of(vi n, const int is_signed) {
  // Raised by 128 at each place, the signed digits are plain bytes.
  const vi raise = _mm512_set1_epi32(0x808080);
  const vi bytes = is_signed ? _mm512_xor_si512(_mm512_add_epi32(n, raise), raise) : n;
  const vi order = _mm512_setr_epi32(
      0x0e0a0602, 0x0d090501, 0x0c080400, 0x1e1a1612, 0x1d191511, 0x1c181410, 0x2e2a2622,
      0x2d292521, 0x2c282420, 0x3e3a3632, 0x3d393531, 0x3c383430, 0, 0, 0, 0);
  return _mm512_permutexvar_epi8(order, bytes);
}

/* Adds the products of unsigned and signed bytes, four to a lane. Not the intrinsic: the compiler would
 * move sums about between registers. */
INLINE vi add_products(vi sum, vi unsigned_bytes, vi signed_bytes) {
  __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(unsigned_bytes), "v"(signed_bytes));
  return sum;
}

/* The three sums put together, in units of the last digit. */
INLINE vf together(vi first, vi second, vi last) {
  const vi upper = _mm512_add_epi32(_mm512_slli_epi32(first, 8), second);
  return v_fma(v_number(upper), v_set(256), v_number(last));
}

/* Adds steps of elements `from` to `to` for 16 lanes; see add_elements. */
INLINE void add_coded(const int format, const int keys, const int rows, const int partial, int n,
                      const kv_lanes *lanes, int from, int to, const kv_coded_row *coefficients,
                      const uint8_t *negative, vi (*sums)[DIGITS]) {
  const int step = per_step(format);
  const uint8_t *p = lanes->codes + from / step * lanes->stride;
  for (int i = from; i < to; i += step, p += lanes->stride) {
    prefetch_lines(p, lanes->ahead, 64);
    const vi codes = partial ? v_codes_n(p, n) : v_codes(p);
    vi third = codes;
    if (code_bits(format) == 3) {
      const uint8_t *high = lanes->third + i / 32 * lanes->stride;
      third = v_right(partial ? v_codes_n(high, n) : v_codes(high), i / 16 % 2 * 4);
    }
#pragma GCC unroll 4
    for (int k = 0; k < step / 4; k++) {
      const vi x = keys ? raised_quad(format, codes, third, k)
                        : signed_quad(format, codes, third, k, negative + i + 4 * k);
#pragma GCC unroll 4
      for (int r = 0; r < rows; r++) {
#pragma GCC unroll 3
        for (int d = 0; d < DIGITS; d++) {
          const vi c = v_spread(coefficients[r].digits + DIGITS * (i + 4 * k) + 4 * d);
          sums[r][d] = keys ? add_products(sums[r][d], x, c) : add_products(sums[r][d], c, x);
        }
      }
    }
  }
}

/* Channels whose sums are put together at a time. */
INLINE int key_span(const int format, int channels) {
  const int group = group_channels(format, 1, channels);
  return group < SPAN_MAX ? group : SPAN_MAX;
}

INLINE void add_coded_keys(const int format, const int rows, const int partial, int n,
                           const kv_tile *keys, int token, const kv_coded_row *queries,
                           const int32_t *const *starts, const float *bias,
                           float (*logits)[KV_TOKENS_MAX]) {
  const kv_lanes lanes = lanes_at(format, 1, keys, token);
  const int channels = steps(format, keys->channels) * per_step(format);
  const int span = key_span(format, channels);
  const uint8_t *scale = numbers(format, 1, keys) + 2 * token;
  vf totals[CODED_ROWS_MAX];
#pragma GCC unroll 4
  for (int r = 0; r < rows; r++) {
    totals[r] = v_zero();
  }
  for (int from = 0, s = 0; from < channels; from += span, s++) {
    const int to = from + span < channels ? from + span : channels;
    vi sums[CODED_ROWS_MAX][DIGITS];
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) {
#pragma GCC unroll 3
      for (int d = 0; d < DIGITS; d++) {
        sums[r][d] = _mm512_set1_epi32(starts[r][DIGITS * s + d]);
      }
    }
    add_coded(format, 1, rows, partial, n, &lanes, from, to, queries, NULL, sums);
    const vf by = is_kivi(format) ? v_set(1) : partial ? v_f16_n(scale, n) : v_f16(scale);
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) {
      totals[r] = v_fma(together(sums[r][0], sums[r][1], sums[r][2]), by, totals[r]);
    }
    if (!is_kivi(format)) {
      prefetch_lines(scale, keys->ahead, 2 * LANES);
    }
    if (is_ggml(format)) {
      scale += 2 * keys->tokens;
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < rows; r++) {
    const vf unit = v_set(queries[r].unit);
    v_store(logits[r] + token, is_kivi(format) ? v_fma(totals[r], unit, v_set(bias[r]))
                                               : v_mul(totals[r], unit));
  }
}

/* A query made ready once for all pages: its digits, and what each span of channels starts with. Of
 * kivi's, whose digits depend on the page, only the largest magnitude is known, as the unit. */
typedef struct {
  uint8_t *digits;
  int32_t *starts; /* [spans][DIGITS] */
  float unit;
} kv_ready_query;

INLINE int ready_elements(int channels) { return (channels + 15) / 16 * 16; }

static int ready_bytes(int channels) {
  const int spans = (channels + GROUP - 1) / GROUP;
  return (digit_bytes(ready_elements(channels)) + 63) / 64 * 64 +
         (DIGITS * spans * (int)sizeof(int32_t) + 63) / 64 * 64;
}

INLINE float largest_of(const float *query, int channels) {
  vf largest = v_zero();
  for (int i = 0; i < channels; i += LANES) {
    const int n = channels - i;
    largest = v_max(largest, v_abs(n >= LANES ? v_load(query + i) : v_load_n(query + i, n)));
  }
  return v_highest(largest);
}

/* What to multiply with so that `most` becomes `whole`; nothing where the quotient would overflow,
 * and what is so small is 0 beside any that counts. */
INLINE float to_whole(float most, float whole) { return most > 1e-30f ? whole / most : 0; }

/* Minus the zero times the sum of a span's digits, which the raised codes add too much, from their
 * sums in the places where they are stored. */
INLINE void make_starts(const int format, vi sums, int32_t *starts) {
  int32_t of_quads[16] __attribute__((aligned(64)));
  _mm512_store_si512(of_quads, sums);
  for (int d = 0; d < DIGITS; d++) {
    starts[d] = -zero_of(format) *
                (of_quads[d] + of_quads[d + 3] + of_quads[d + 6] + of_quads[d + 9]);
  }
}

/* Writes the signed digits of a query and what each span starts with; answers the unit. */
INLINE float ready_query(const int format, const float *query, int channels, uint8_t *digits,
                         int32_t *starts) {
  const float max = largest_of(query, channels);
  const vf by = v_set(to_whole(max, SIGNED_MAX));
  const int span = key_span(format, steps(format, channels) * per_step(format));
  for (int from = 0; from < channels; from += span, starts += DIGITS) {
    vi sums = _mm512_setzero_si512();
    for (int i = from; i < from + span && i < channels; i += LANES) {
      const int n = channels - i;
      const vf x = n >= LANES ? v_load(query + i) : v_load_n(query + i, n);
      const vi bytes = digits_of(_mm512_cvtps_epi32(v_mul(x, by)), 1);
      _mm512_storeu_si512(digits + DIGITS * i, bytes);
      sums = add_products(sums, _mm512_set1_epi8(1), bytes);
    }
    make_starts(format, sums, starts);
  }
  return max / SIGNED_MAX;
}

/*
 * kivi's keys are s c + m with s and m of the channel, so that q . k = (q s) . c + q . m: writes the
 * digits of q s for each row and answers q . m in `bias`, both for codes less their zero. The bound
 * max |q| max s sets the unit: keys with such an s are as large.
 */
INLINE void code_scaled_queries(const int format, const int rows, const kv_tile *keys,
                                const float *const *queries, const kv_ready_query *ready,
                                uint8_t (*digits)[DIGITS * KV_CHANNELS_MAX + 64],
                                int32_t (*starts)[DIGITS * KV_CHANNELS_MAX / SPAN_MAX],
                                kv_coded_row *coded, float *bias) {
  const uint8_t *s = numbers(format, 1, keys);
  const uint8_t *m = s + 2 * keys->channels;
  vf largest = v_zero();
  for (int i = 0; i < keys->channels; i += LANES) {
    largest = v_max(largest, numbers_at(s, i, keys->channels));
    prefetch_lines(s + 2 * i, keys->ahead, 2 * LANES);
    prefetch_lines(m + 2 * i, keys->ahead, 2 * LANES);
  }
  const float max = v_highest(largest);
  vf by[CODED_ROWS_MAX];
  vf sums[CODED_ROWS_MAX];
#pragma GCC unroll 4
  for (int r = 0; r < rows; r++) {
    const float most = ready[r].unit * max;
    by[r] = v_set(to_whole(most, SIGNED_MAX));
    sums[r] = v_zero();
    coded[r].digits = digits[r];
    coded[r].unit = most / SIGNED_MAX;
  }
  for (int from = 0, span = 0; from < keys->channels; from += SPAN_MAX, span++) {
    vi of_digits[CODED_ROWS_MAX];
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) {
      of_digits[r] = _mm512_setzero_si512();
    }
    for (int i = from; i < from + SPAN_MAX && i < keys->channels; i += LANES) {
      const int n = keys->channels - i;
      const vf scale = numbers_at(s, i, keys->channels);
      const vf offset =
          v_fma(scale, v_set((float)zero_of(format)), numbers_at(m, i, keys->channels));
#pragma GCC unroll 4
      for (int r = 0; r < rows; r++) {
        const vf q = n >= LANES ? v_load(queries[r] + i) : v_load_n(queries[r] + i, n);
        const vi bytes = digits_of(_mm512_cvtps_epi32(v_mul(v_mul(q, scale), by[r])), 1);
        _mm512_storeu_si512(digits[r] + DIGITS * i, bytes);
        of_digits[r] = add_products(of_digits[r], _mm512_set1_epi8(1), bytes);
        sums[r] = v_fma(q, offset, sums[r]);
      }
    }
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) {
      make_starts(format, of_digits[r], starts[r] + DIGITS * span);
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < rows; r++) {
    bias[r] = v_total(sums[r]);
  }
}

/* As tile_logits, from queries made ready. */
INLINE void coded_logits(const int format, const int rows, const kv_tile *keys,
                         const float *const *queries, const kv_ready_query *ready,
                         float (*logits)[KV_TOKENS_MAX]) {
  uint8_t own[CODED_ROWS_MAX][DIGITS * KV_CHANNELS_MAX + 64] __attribute__((aligned(64)));
  int32_t own_starts[CODED_ROWS_MAX][DIGITS * KV_CHANNELS_MAX / SPAN_MAX];
  kv_coded_row coded[CODED_ROWS_MAX];
  const int32_t *starts[CODED_ROWS_MAX];
  float bias[CODED_ROWS_MAX] = {0};
  if (is_kivi(format)) {
    code_scaled_queries(format, rows, keys, queries, ready, own, own_starts, coded, bias);
  }
  for (int r = 0; r < rows; r++) {
    starts[r] = is_kivi(format) ? own_starts[r] : ready[r].starts;
    if (!is_kivi(format)) {
      coded[r].digits = ready[r].digits;
      coded[r].unit = ready[r].unit;
    }
  }
  int token = 0;
  for (; token + LANES <= keys->tokens; token += LANES) {
    add_coded_keys(format, rows, 0, 0, keys, token, coded, starts, bias, logits);
  }
  if (token < keys->tokens) {
    add_coded_keys(format, rows, 1, keys->tokens - token, keys, token, coded, starts, bias, logits);
  }
}

INLINE void add_coded_values(const int format, const int rows, const int partial, int n,
                             const kv_tile *values, int channel, const kv_coded_row *weights,
                             const uint8_t *negative, const float *start, const float *rescale,
                             float *const *out) {
  const kv_lanes lanes = lanes_at(format, 0, values, channel);
  vi sums[CODED_ROWS_MAX][DIGITS];
#pragma GCC unroll 4
  for (int r = 0; r < rows; r++) {
#pragma GCC unroll 3
    for (int d = 0; d < DIGITS; d++) {
      sums[r][d] = _mm512_setzero_si512();
    }
  }
  const int tokens = steps(format, values->tokens) * per_step(format);
  add_coded(format, 0, rows, partial, n, &lanes, 0, tokens, weights, negative, sums);
#pragma GCC unroll 4
  for (int r = 0; r < rows; r++) {
    if (!out[r]) {
      continue;
    }
    const vf unit = v_set(weights[r].unit);
    vf sum = together(sums[r][0], sums[r][1], sums[r][2]);
    sum = is_kivi(format) ? v_fma(sum, unit, v_set(start[r])) : v_mul(sum, unit);
    float *at = out[r] + channel;
    if (partial) {
      v_store_n(at, v_fma(v_load_n(at, n), v_set(rescale[r]), sum), n);
    } else {
      v_store(at, v_fma(v_load(at), v_set(rescale[r]), sum));
    }
  }
}

/* Groups of channels whose weights are coded before any is used, so that their chains of latencies
 * run side by side. */
enum { GROUPS_TOGETHER = 4 };

/* The weights of one group of channels. */
typedef struct {
  uint8_t digits[CODED_ROWS_MAX][DIGITS * KV_TOKENS_MAX + 64];
  uint8_t negative[KV_TOKENS_MAX];
  float start[CODED_ROWS_MAX];
  float unit[CODED_ROWS_MAX];
} kv_coded_weights;

/*
 * Codes the rows' weights times the numbers of their tokens for one group of channels. The largest
 * product of a row sets its unit, so that tokens that weigh nothing do not coarsen those that do.
 */
INLINE void code_weights(const int format, const int rows, const kv_tile *values,
                         const uint8_t *scale, float (*weights)[KV_TOKENS_MAX],
                         kv_coded_weights *coded) {
  const int tokens = steps(format, values->tokens) * per_step(format);
  // kivi's least values lie behind all scales.
  const int64_t least =
      INT64_C(2) * ((values->channels + KIVI_GROUP - 1) / KIVI_GROUP) * values->tokens;
  float magnitudes[KV_TOKENS_MAX] __attribute__((aligned(64)));
  float most[CODED_ROWS_MAX] __attribute__((aligned(16))) = {0};
  float by[CODED_ROWS_MAX] __attribute__((aligned(16)));
  vf largest[CODED_ROWS_MAX];
  vf sums[CODED_ROWS_MAX];
  prefetch_lines(scale, values->ahead, 2 * values->tokens);
#pragma GCC unroll 4
  for (int r = 0; r < rows; r++) {
    largest[r] = sums[r] = v_zero();
  }
  for (int i = 0; i < tokens; i += LANES) {
    const vf s = numbers_at(scale, i, values->tokens);
    v_store(magnitudes + i, v_abs(s));
    vf offset = s;
    if (format == KV_Q4_0) {
      const __mmask16 below = _mm512_cmp_ps_mask(s, v_zero(), _CMP_LT_OQ);
      _mm_storeu_si128((__m128i *)(coded->negative + i), _mm_maskz_set1_epi8(below, 16));
    }
    if (is_kivi(format)) {
      offset = v_fma(s, v_set((float)zero_of(format)), numbers_at(scale + least, i, values->tokens));
      prefetch_lines(scale + least + 2 * i, values->ahead, 2 * LANES);
    }
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) {
      const vf w = v_load(weights[r] + i);
      largest[r] = v_max(largest[r], v_mul(w, v_abs(s)));
      sums[r] = is_kivi(format) ? v_fma(w, offset, sums[r]) : sums[r];
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < rows; r++) {
    most[r] = v_highest(largest[r]);
    coded->start[r] = is_kivi(format) ? v_total(sums[r]) : 0;
    coded->unit[r] = most[r] * (1 / UNSIGNED_MAX);
  }
  const __m128 all = _mm_load_ps(most);
  const __m128 some = _mm_cmp_ps(all, _mm_set1_ps(1e-30f), _CMP_GT_OQ);
  _mm_store_ps(by, _mm_and_ps(some, _mm_div_ps(_mm_set1_ps(UNSIGNED_MAX), all)));
  for (int i = 0; i < tokens; i += LANES) {
    const vf size = v_load(magnitudes + i);
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) {
      const vf x = v_mul(v_mul(v_load(weights[r] + i), size), v_set(by[r]));
      _mm512_storeu_si512(coded->digits[r] + DIGITS * i, digits_of(_mm512_cvtps_epi32(x), 0));
    }
  }
}

/* out = out * rescale + weights times values for the channels `from` to `to` of one group. */
INLINE void add_group(const int format, const int rows, const kv_tile *values, int from, int to,
                      const kv_coded_weights *weights, const float *rescale, float *const *out) {
  kv_coded_row coded[CODED_ROWS_MAX];
#pragma GCC unroll 4
  for (int r = 0; r < rows; r++) {
    coded[r] = (kv_coded_row){weights->digits[r], weights->unit[r]};
  }
  int channel = from;
  for (; channel + LANES <= to; channel += LANES) {
    add_coded_values(format, rows, 0, 0, values, channel, coded, weights->negative, weights->start,
                     rescale, out);
  }
  if (channel < to) {
    add_coded_values(format, rows, 1, to - channel, values, channel, coded, weights->negative,
                     weights->start, rescale, out);
  }
}

/* As tile_values. */
INLINE void coded_values(const int format, const int rows, const kv_tile *values,
                         float (*weights)[KV_TOKENS_MAX], const float *rescale,
                         float *const *out) {
  kv_coded_weights coded[GROUPS_TOGETHER] __attribute__((aligned(64)));
  const int group = group_channels(format, 0, values->channels);
  const uint8_t *scale = numbers(format, 0, values);
  const int groups = group == values->channels ? 1 : (values->channels + group - 1) / group;
  for (int first = 0; first < groups; first += GROUPS_TOGETHER) {
    const int count = groups - first < GROUPS_TOGETHER ? groups - first : GROUPS_TOGETHER;
    for (int i = 0; i < count; i++) {
      code_weights(format, rows, values, scale + INT64_C(2) * (first + i) * values->tokens, weights,
                   &coded[i]);
    }
    for (int i = 0; i < count; i++) {
      const int from = (first + i) * group;
      const int to = from + group < values->channels ? from + group : values->channels;
      add_group(format, rows, values, from, to, &coded[i], rescale, out);
    }
  }
}
