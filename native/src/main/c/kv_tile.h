/*
 * Sums over one tile: what differs between formats, and nothing else. Templates: every parameter
 * marked `const int` is a constant where these functions are inlined.
 *
 * A tile is [steps][lanes] (see kv_fold.h), and both halves of attention are one operation on it,
 *
 *   sums[row][lane] += coefficients[row][i] * element(i, lane)
 *
 * with i a channel and the coefficients a query for logits, i a token and the coefficients its
 * weights for the weighted sum of values. Each row and lane is summed in the order of i, whatever
 * rows and lanes are worked on beside it.
 */

/* Channels that share a scale. */
enum { GROUP = 32 };

typedef struct {
  const uint8_t *bytes;
  int64_t ahead; /* distance to a tile that will be wanted next, prefetched at the same places */
  int tokens;
  int channels;
} kv_tile;

INLINE int quantised(const int format) { return format == KV_Q8_0 || format == KV_Q4_0; }

/* Elements of a lane in one step. */
INLINE int per_step(const int format) {
  return format == KV_Q8_0 ? 4 : format == KV_Q4_0 ? 8 : 1;
}

INLINE int lane_bytes(const int format) {
  return format == KV_F16 || format == KV_BF16 ? 2 : 4;
}

/* Prefetches what lies where a tile's bytes will be wanted next. */
INLINE void prefetch_lines(const uint8_t *p, int64_t ahead, int bytes) {
#pragma GCC unroll 4
  for (int line = 0; line < bytes; line += 64) {
    v_prefetch(p + ahead + line);
  }
}

/* What a decoded code has to be multiplied with beside its scale. */
INLINE float code_unit(const int format) { return format == KV_Q8_0 ? CODE8_UNIT : CODE4_UNIT; }

/* f16 scales [channels / 32][tokens] of a quantised tile: behind the codes of whole steps of
 * channels, for keys and for values. */
INLINE const uint8_t *scales(const int format, const kv_tile *tile) {
  const int64_t steps = (tile->channels + per_step(format) - 1) / per_step(format);
  return tile->bytes + (4 * steps * tile->tokens + 63) / 64 * 64;
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

/* Adds the elements of one step, the first of which is i, for LANES * vectors lanes at p. */
INLINE void add_step(const int format, const int rows, const int vectors, const int partial, int n,
                     const uint8_t *p, const float *const *coefficients, int i,
                     vf (*sums)[VECTORS_MAX]) {
  vi codes[VECTORS_MAX];
  if (quantised(format)) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
      codes[v] = partial ? v_codes_n(p, n) : v_codes(p + 4 * LANES * v);
    }
  }
#pragma GCC unroll 8
  for (int j = 0; j < per_step(format); j++) {
    vf x[VECTORS_MAX];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
      x[v] = format == KV_Q8_0   ? v_code8(codes[v], j)
             : format == KV_Q4_0 ? v_code4(codes[v], j)
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

/*
 * Adds elements `from` to `to`, both whole steps, for LANES * vectors lanes; if `partial`, there is
 * one vector and only its first n lanes are there. `lanes` points at the first lane in step 0;
 * steps are `stride` bytes apart.
 */
INLINE void add_elements(const int format, const int rows, const int vectors, const int partial,
                         int n, const uint8_t *lanes, int64_t stride, int64_t ahead, int from,
                         int to, const float *const *coefficients, vf (*sums)[VECTORS_MAX]) {
  const int step = per_step(format);
  const uint8_t *p = lanes + from / step * stride;
  for (int i = from; i < to; i += step, p += stride) {
    prefetch_lines(p, ahead, vectors * LANES * lane_bytes(format));
    add_step(format, rows, vectors, partial, n, p, coefficients, i, sums);
  }
}

/* logits[r][lane] = sum over the keys' channels, for LANES * vectors tokens from `token` on. */
INLINE void add_keys(const int format, const int rows, const int vectors, const int partial, int n,
                     const kv_tile *keys, int token, const float *const *queries,
                     float (*logits)[KV_TOKENS_MAX]) {
  const int step = per_step(format);
  const uint8_t *lanes = keys->bytes + lane_bytes(format) * token;
  const int64_t stride = (int64_t)lane_bytes(format) * keys->tokens;
  const int channels = (keys->channels + step - 1) / step * step;
  const int group = quantised(format) ? GROUP : channels;
  const uint8_t *scale = scales(format, keys) + 2 * token;
  for (int from = 0; from < channels; from += group, scale += 2 * keys->tokens) {
    const int to = from + group < channels ? from + group : channels;
    vf sums[ROWS_MAX][VECTORS_MAX];
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) {
#pragma GCC unroll 4
      for (int v = 0; v < vectors; v++) {
        sums[r][v] = v_zero();
      }
    }
    add_elements(format, rows, vectors, partial, n, lanes, stride, keys->ahead, from, to, queries,
                 sums);
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
      vf by = v_zero();
      if (quantised(format)) {
        const uint8_t *p = scale + 2 * LANES * v;
        by = v_mul(partial ? v_f16_n(p, n) : v_f16(p), v_set(code_unit(format)));
        prefetch_lines(p, keys->ahead, 2 * LANES);
      }
#pragma GCC unroll 8
      for (int r = 0; r < rows; r++) {
        float *at = logits[r] + token + LANES * v;
        v_store(at, !quantised(format) ? sums[r][v]
                    : from == 0        ? v_mul(sums[r][v], by)
                                       : v_fma(sums[r][v], by, v_load(at)));
      }
    }
  }
}

/* out[r][channel] = out * rescale + weighted sum, for LANES * vectors channels from `channel` on;
 * rows without an `out` are left alone. */
INLINE void add_values(const int format, const int rows, const int vectors, const int partial,
                       int n, const kv_tile *values, int channel, const float *const *weights,
                       const float *rescale, float *const *out) {
  const uint8_t *lanes = values->bytes + lane_bytes(format) * channel;
  const int64_t stride = (int64_t)lane_bytes(format) * values->channels;
  vf sums[ROWS_MAX][VECTORS_MAX];
#pragma GCC unroll 8
  for (int r = 0; r < rows; r++) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
      sums[r][v] = v_zero();
    }
  }
  add_elements(format, rows, vectors, partial, n, lanes, stride, values->ahead, 0, values->tokens,
               weights, sums);
#pragma GCC unroll 8
  for (int r = 0; r < rows; r++) {
    if (!out[r]) {
      continue;
    }
    const vf by = v_set(rescale[r]);
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
      float *at = out[r] + channel + LANES * v;
      if (partial) {
        v_store_n(at, v_fma(v_load_n(at, n), by, sums[r][v]), n);
      } else {
        v_store(at, v_fma(v_load(at), by, sums[r][v]));
      }
    }
  }
}

/* logits[r][token] = query r times key, for every token of a tile; padded to whole vectors. */
INLINE void tile_logits(const int format, const int rows, const kv_tile *keys,
                        const float *const *queries, float (*logits)[KV_TOKENS_MAX]) {
  const int step = per_step(format);
  float padded[ROWS_MAX][KV_CHANNELS_MAX];
  const float *copies[ROWS_MAX];
  if (step > 1 && keys->channels % step != 0) {
    // The tile is padded to whole steps with zeros; the queries are not.
    const int whole = (keys->channels + step - 1) / step * step;
    for (int r = 0; r < rows; r++) {
      for (int i = 0; i < whole; i++) {
        padded[r][i] = i < keys->channels ? queries[r][i] : 0;
      }
      copies[r] = padded[r];
    }
    queries = copies;
  }
  int token = 0;
  for (; token + VECTORS_MAX * LANES <= keys->tokens; token += VECTORS_MAX * LANES) {
    add_keys(format, rows, VECTORS_MAX, 0, 0, keys, token, queries, logits);
  }
  for (; token + LANES <= keys->tokens; token += LANES) {
    add_keys(format, rows, 1, 0, 0, keys, token, queries, logits);
  }
  // Pages are multiples of 8 tokens.
  if (LANES > 8 && token < keys->tokens) {
    add_keys(format, rows, 1, 1, keys->tokens - token, keys, token, queries, logits);
  }
}

/* out[r] = out[r] * rescale[r] + weights[r] times values, for every channel of a tile. */
INLINE void tile_values(const int format, const int rows, const kv_tile *values,
                        float (*weights)[KV_TOKENS_MAX], const float *rescale, float *const *out) {
  float scaled[ROWS_MAX][KV_TOKENS_MAX];
  const float *coefficients[ROWS_MAX];
  for (int r = 0; r < rows; r++) {
    coefficients[r] = quantised(format) ? scaled[r] : weights[r];
  }
  const int group = quantised(format) ? GROUP : values->channels;
  const uint8_t *scale = scales(format, values);
  for (int from = 0; from < values->channels; from += group, scale += 2 * values->tokens) {
    if (quantised(format)) {
      for (int token = 0; token < values->tokens; token += LANES) {
        const int n = values->tokens - token;
        const uint8_t *p = scale + 2 * token;
        const vf by =
            v_mul(n < LANES ? v_f16_n(p, n) : v_f16(p), v_set(code_unit(format)));
        prefetch_lines(p, values->ahead, 2 * LANES);
        for (int r = 0; r < rows; r++) {
          v_store(scaled[r] + token, v_mul(v_load(weights[r] + token), by));
        }
      }
    }
    const int to = from + group < values->channels ? from + group : values->channels;
    int channel = from;
    for (; channel + VECTORS_MAX * LANES <= to; channel += VECTORS_MAX * LANES) {
      add_values(format, rows, VECTORS_MAX, 0, 0, values, channel, coefficients, rescale, out);
    }
    for (; channel + LANES <= to; channel += LANES) {
      add_values(format, rows, 1, 0, 0, values, channel, coefficients, rescale, out);
    }
    if (channel < to) {
      add_values(format, rows, 1, 1, to - channel, values, channel, coefficients, rescale, out);
    }
  }
}
