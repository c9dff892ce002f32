/*
 * Sums over one tile in f32, for any format. Templates: every parameter marked `const int` is a
 * constant where these functions are inlined.
 *
 * A tile is [steps][lanes] (see kv_fold.h), and both halves of attention are one operation on it,
 *
 *   sums[row][lane] += coefficients[row][i] * element(i, lane)
 *
 * with i a channel and the coefficients a query for logits, i a token and the coefficients its
 * weights for the weighted sum of values. Each row and lane is summed in the order of i, whatever
 * rows and lanes are worked on beside it.
 */

/* Prefetches what lies where a tile's bytes will be wanted next. */
INLINE void prefetch_lines(const uint8_t *p, int64_t ahead, int bytes) {
#pragma GCC unroll 4
  for (int line = 0; line < bytes; line += 64) {
    v_prefetch(p + ahead + line);
  }
}

/* What a decoded code has to be multiplied with beside its scale. */
INLINE float code_unit(const int format) {
  return format == KV_Q8_0 || format == KV_INT8 ? CODE8_UNIT
         : format == KV_Q4_0                    ? CODE4_UNIT
                                                : 1;
}

INLINE vf plain(const int format, const uint8_t *p, const int partial, int n) {
  if (format == KV_F32) {
    return partial ? v_load_n((const float *)p, n) : v_load((const float *)p);
  }
  if (format == KV_F16) {
    return partial ? v_f16_n(p, n) : v_f16(p);
  }
  return partial ? v_bf16_n(p, n) : v_bf16(p);
}

/* Element j of a step from its codes and, with 3 bits, the words of the plane of third bits, whose
 * lowest bits are those of element 0. */
INLINE vf decoded(const int format, vi codes, vi third, int j) {
  const int byte = 8 * (j & 3);
  switch (format) {
    case KV_Q8_0:
    case KV_INT8: return v_code8(codes, j);
    case KV_Q4_0: return v_code4(codes, j);
    case KV_FP8_E4M3: {
      // Exponent and fraction where those of a float are, with another bias; subnormals too. Right
      // away to its own size, as products with what is so small would be rounded off.
      const vi size = byte < 24 ? v_left(v_bits(codes, 0x7fu << byte), 20 - byte < 0 ? 0 : 20 - byte)
                                : v_right(v_bits(codes, 0x7fu << byte), 4);
      return v_mul(v_as_float(v_either(size, v_bits(v_left(codes, 24 - byte), 0x80000000))),
                   v_set(0x1p120f));
    }
    case KV_TURBO4: return v_entry(LEVELS_OF_4, v_right(codes, byte + (j & 4)));
    case KV_TURBO3: {
      const vi low = v_bits(v_right(codes, byte + 2 * (j >> 2)), 3);
      const int at = byte + (j >> 2);
      const vi high = at < 2 ? v_left(third, 2 - at) : v_right(third, at - 2);
      return v_entry(LEVELS_OF_3, v_either(low, v_bits(high, 4)));
    }
    case KV_TURBO2: return v_entry(LEVELS_OF_2, v_right(codes, byte + 2 * (j >> 2)));
    case KV_KIVI4: return v_number(v_bits(v_right(codes, byte + (j & 4)), 15));
    default: return v_number(v_bits(v_right(codes, byte + 2 * (j >> 2)), 3));
  }
}

/* Adds the elements of one step, the first of which is i, for LANES * vectors lanes at p. */
INLINE void add_step(const int format, const int rows, const int vectors, const int partial, int n,
                     const uint8_t *p, const uint8_t *third, int later,
                     const float *const *coefficients, int i, vf (*sums)[VECTORS_MAX]) {
  vi codes[VECTORS_MAX];
  vi high[VECTORS_MAX];
  if (is_coded(format)) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
      codes[v] = partial ? v_codes_n(p, n) : v_codes(p + 4 * LANES * v);
      high[v] = codes[v];
      if (code_bits(format) == 3) {
        high[v] = partial ? v_codes_n(third, n) : v_codes(third + 4 * LANES * v);
        high[v] = v_right(high[v], later);
      }
    }
  }
#pragma GCC unroll 16
  for (int j = 0; j < per_step(format); j++) {
    vf x[VECTORS_MAX];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
      x[v] = is_coded(format) ? decoded(format, codes[v], high[v], j)
                              : plain(format, p + lane_bytes(format) * LANES * v, partial, n);
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) {
      const vf c = v_set(coefficients[r][i + j]);
#pragma GCC unroll 4
      for (int v = 0; v < vectors; v++) {
        sums[r][v] = v_fma(c, x[v], sums[r][v]);
      }
    }
  }
}

/* Lanes of a tile: `codes` points at the first lane in step 0, steps are `stride` bytes apart. */
typedef struct {
  const uint8_t *codes;
  const uint8_t *third; /* the same lane in the plane of third bits */
  int64_t stride;
  int64_t ahead;
} kv_lanes;

INLINE kv_lanes lanes_at(const int format, const int keys, const kv_tile *tile, int lane) {
  const int lanes = keys ? tile->tokens : tile->channels;
  kv_lanes at = {tile->bytes + lane_bytes(format) * lane, tile->bytes,
                 (int64_t)lane_bytes(format) * lanes, tile->ahead};
  if (code_bits(format) == 3) {
    at.third = at.codes + low_bytes(format, keys, tile);
  }
  return at;
}

/*
 * Adds elements `from` to `to`, both whole steps, for LANES * vectors lanes; if `partial`, there is
 * one vector and only its first n lanes are there.
 */
INLINE void add_elements(const int format, const int rows, const int vectors, const int partial,
                         int n, const kv_lanes *lanes, int from, int to,
                         const float *const *coefficients, vf (*sums)[VECTORS_MAX]) {
  const int step = per_step(format);
  const uint8_t *p = lanes->codes + from / step * lanes->stride;
  for (int i = from; i < to; i += step, p += lanes->stride) {
    prefetch_lines(p, lanes->ahead, vectors * LANES * lane_bytes(format));
    const uint8_t *third = lanes->third + i / 32 * lanes->stride;
    add_step(format, rows, vectors, partial, n, p, third, i / 16 % 2 * 4, coefficients, i, sums);
  }
}

INLINE void clear(const int rows, const int vectors, vf (*sums)[VECTORS_MAX]) {
#pragma GCC unroll 8
  for (int r = 0; r < rows; r++) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
      sums[r][v] = v_zero();
    }
  }
}

/* logits[r][lane] = start[r] + sum over the keys' channels, for LANES * vectors tokens from `token`
 * on. */
INLINE void add_keys(const int format, const int rows, const int vectors, const int partial, int n,
                     const kv_tile *keys, int token, const float *const *queries,
                     const float *start, float (*logits)[KV_TOKENS_MAX]) {
  const int scaled = is_coded(format) && !is_kivi(format);
  const kv_lanes lanes = lanes_at(format, 1, keys, token);
  const int channels = steps(format, keys->channels) * per_step(format);
  const int group = group_channels(format, 1, channels);
  const uint8_t *scale = numbers(format, 1, keys) + 2 * token;
  for (int from = 0; from < channels; from += group, scale += 2 * keys->tokens) {
    const int to = from + group < channels ? from + group : channels;
    vf sums[ROWS_MAX][VECTORS_MAX];
    clear(rows, vectors, sums);
    add_elements(format, rows, vectors, partial, n, &lanes, from, to, queries, sums);
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
      vf by = v_zero();
      if (scaled) {
        const uint8_t *p = scale + 2 * LANES * v;
        by = v_mul(partial ? v_f16_n(p, n) : v_f16(p), v_set(code_unit(format)));
        prefetch_lines(p, keys->ahead, 2 * LANES);
      }
#pragma GCC unroll 8
      for (int r = 0; r < rows; r++) {
        float *at = logits[r] + token + LANES * v;
        v_store(at, is_kivi(format) ? v_add(sums[r][v], v_set(start[r]))
                    : !scaled       ? sums[r][v]
                    : from == 0     ? v_mul(sums[r][v], by)
                                    : v_fma(sums[r][v], by, v_load(at)));
      }
    }
  }
}

/* out[r][channel] = out * rescale + start[r] + weighted sum, for LANES * vectors channels from
 * `channel` on; rows without an `out` are left alone. */
INLINE void add_values(const int format, const int rows, const int vectors, const int partial,
                       int n, const kv_tile *values, int channel, const float *const *weights,
                       const float *start, const float *rescale, float *const *out) {
  const kv_lanes lanes = lanes_at(format, 0, values, channel);
  vf sums[ROWS_MAX][VECTORS_MAX];
  clear(rows, vectors, sums);
  const int tokens = steps(format, values->tokens) * per_step(format);
  add_elements(format, rows, vectors, partial, n, &lanes, 0, tokens, weights, sums);
#pragma GCC unroll 8
  for (int r = 0; r < rows; r++) {
    if (!out[r]) {
      continue;
    }
    const vf by = v_set(rescale[r]);
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
      // The unit here and not with the weights, which may be near the smallest floats.
      const vf sum = is_kivi(format)      ? v_add(sums[r][v], v_set(start[r]))
                     : code_unit(format) != 1 ? v_mul(sums[r][v], v_set(code_unit(format)))
                                              : sums[r][v];
      float *at = out[r] + channel + LANES * v;
      if (partial) {
        v_store_n(at, v_fma(v_load_n(at, n), by, sum), n);
      } else {
        v_store(at, v_fma(v_load(at), by, sum));
      }
    }
  }
}

/* n f16 numbers from `at` on of `count`, 0 beyond. */
INLINE vf numbers_at(const uint8_t *p, int at, int count) {
  const int n = count - at;
  return n >= LANES ? v_f16(p + 2 * at) : n > 0 ? v_f16_n(p + 2 * at, n) : v_zero();
}

/*
 * kivi's keys: their value is s c + m with s and m of the channel, so that q . k is (q s) . c + q . m.
 * Writes q s, padded to whole steps with 0, and answers q . m.
 */
INLINE float scale_query(const int format, const kv_tile *keys, const float *query, float *scaled) {
  const uint8_t *s = numbers(format, 1, keys);
  const uint8_t *m = s + 2 * keys->channels;
  vf start = v_zero();
  for (int i = 0; i < steps(format, keys->channels) * per_step(format); i += LANES) {
    const int n = keys->channels - i;
    const vf q = n >= LANES ? v_load(query + i) : n > 0 ? v_load_n(query + i, n) : v_zero();
    const vf scale = numbers_at(s, i, keys->channels);
    v_store(scaled + i, v_mul(q, scale));
    start = v_fma(q, numbers_at(m, i, keys->channels), start);
  }
  return v_total(start);
}

/*
 * Weights of a group of channels, each times the number of its token, and 0 up to a whole step;
 * answers their sum with kivi's m.
 */
INLINE float scale_weights(const int format, const kv_tile *values, const uint8_t *scale,
                           const float *weights, float *scaled) {
  const int groups = (values->channels + KIVI_GROUP - 1) / KIVI_GROUP;
  const uint8_t *m = scale + 2 * (int64_t)groups * values->tokens;
  vf start = v_zero();
  for (int token = 0; token < steps(format, values->tokens) * per_step(format); token += LANES) {
    const vf w = v_load(weights + token);
    const vf by = numbers_at(scale, token, values->tokens);
    v_store(scaled + token, v_mul(w, by));
    if (is_kivi(format)) {
      start = v_fma(w, numbers_at(m, token, values->tokens), start);
    }
  }
  return is_kivi(format) ? v_total(start) : 0;
}

/* logits[r][token] = query r times key, for every token of a tile; padded to whole vectors. */
INLINE void tile_logits(const int format, const int rows, const kv_tile *keys,
                        const float *const *queries, float (*logits)[KV_TOKENS_MAX]) {
  const int step = per_step(format);
  float copies[ROWS_MAX][KV_CHANNELS_MAX + LANES];
  float start[ROWS_MAX] = {0};
  const float *coefficients[ROWS_MAX];
  for (int r = 0; r < rows; r++) {
    coefficients[r] = queries[r];
    if (is_kivi(format)) {
      start[r] = scale_query(format, keys, queries[r], copies[r]);
      coefficients[r] = copies[r];
    } else if (step > 1 && keys->channels % step != 0) {
      // The tile is padded to whole steps; the queries are not.
      for (int i = 0; i < steps(format, keys->channels) * step; i++) {
        copies[r][i] = i < keys->channels ? queries[r][i] : 0;
      }
      coefficients[r] = copies[r];
    }
  }
  int token = 0;
  for (; token + VECTORS_MAX * LANES <= keys->tokens; token += VECTORS_MAX * LANES) {
    add_keys(format, rows, VECTORS_MAX, 0, 0, keys, token, coefficients, start, logits);
  }
  for (; token + LANES <= keys->tokens; token += LANES) {
    add_keys(format, rows, 1, 0, 0, keys, token, coefficients, start, logits);
  }
  // Pages are multiples of 8 tokens.
  if (LANES > 8 && token < keys->tokens) {
    add_keys(format, rows, 1, 1, keys->tokens - token, keys, token, coefficients, start, logits);
  }
}

/* out[r] = out[r] * rescale[r] + weights[r] times values, for every channel of a tile. */
INLINE void tile_values(const int format, const int rows, const kv_tile *values,
                        float (*weights)[KV_TOKENS_MAX], const float *rescale, float *const *out) {
  float scaled[ROWS_MAX][KV_TOKENS_MAX + LANES];
  float start[ROWS_MAX] = {0};
  const float *coefficients[ROWS_MAX];
  for (int r = 0; r < rows; r++) {
    coefficients[r] = is_coded(format) ? scaled[r] : weights[r];
  }
  const int group = group_channels(format, 0, values->channels);
  const uint8_t *scale = numbers(format, 0, values);
  for (int from = 0; from < values->channels; from += group, scale += 2 * values->tokens) {
    if (is_coded(format)) {
      prefetch_lines(scale, values->ahead, 2 * values->tokens);
      for (int r = 0; r < rows; r++) {
        start[r] = scale_weights(format, values, scale, weights[r], scaled[r]);
      }
    }
    const int to = from + group < values->channels ? from + group : values->channels;
    int channel = from;
    for (; channel + VECTORS_MAX * LANES <= to; channel += VECTORS_MAX * LANES) {
      add_values(format, rows, VECTORS_MAX, 0, 0, values, channel, coefficients, start, rescale,
                 out);
    }
    for (; channel + LANES <= to; channel += LANES) {
      add_values(format, rows, 1, 0, 0, values, channel, coefficients, start, rescale, out);
    }
    if (channel < to) {
      add_values(format, rows, 1, 1, to - channel, values, channel, coefficients, start, rescale,
                 out);
    }
  }
}
