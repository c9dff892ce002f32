// Folds pages into attention states: the shape for CPUs. One work-item takes one KV head, a few
// query tokens and one split (a stretch of pages), and no barriers; a lane of its vectors is a
// token while it reads keys and a channel while it reads values.
//
// fold   NDRange [heads][ceil(query_tokens / block_tokens)][splits], work-groups of one
//   args       one fold_args
//   pages      page_row [pages]
//   split      i32 [splits + 1], index of each split's first page, then one past the last
//   queries    f32 [query_tokens][heads * group][query_stride]
//   bounds     i32 [query_tokens][2], lowest and highest position that a token sees
//   scratch    f32, the splits' states: max [splits][rows], sum [splits][rows],
//              out [splits][rows][value_dim]; rows = query_tokens * heads * group
//
// merge  in cpu.cl

// Query rows that share one pass over a tile, 1 to 8. More rows load less and need more registers;
// fewer rows than that are filled up with idle ones, because each further count of rows would be
// compiled for every pair of formats.
#ifndef ROW_BLOCK
#define ROW_BLOCK 4
#endif

#define EACH_ROW _Pragma("unroll") for (int r = 0; r < ROW_BLOCK; r++)

KEY_VECTORS(8)
KEY_VECTORS(16)

#if KEY_SCALED
#define KEY_SPAN KEY_GROUP
#else
#define KEY_SPAN dims
#endif

// dots[r][token...] = q[r] . k over N tokens. Two sums for each row, so that one multiply-add need
// not wait for the one before.
#define ROW_DOTS(N)                                                                           \
  inline __attribute__((always_inline)) void row_dots##N(                                     \
      bytes tile, bytes next, int tokens, int dims, int token,                                \
      __global const float* const* q, float* dots) {                                          \
    float##N total[ROW_BLOCK];                                                                \
    EACH_ROW total[r] = 0.0f;                         \
    for (int first = 0; first < dims; first += KEY_SPAN) {                                    \
      const int last = min(dims, first + KEY_SPAN);                                           \
      float##N even[ROW_BLOCK], odd[ROW_BLOCK];                                               \
      EACH_ROW even[r] = odd[r] = 0.0f;               \
      int dim = first;                                                                        \
      for (; dim + 1 < last; dim += max(2, KEY_STEP)) {                                       \
        KEY_ROWS(N)                                                                           \
      }                                                                                       \
      KEY_LAST_ROW(N)                                                                         \
      KEY_TOTAL(N)                                                                            \
    }                                                                                         \
    EACH_ROW                                          \
        vstore##N(total[r], 0, dots + r * PAGE_TOKENS_MAX + token);                           \
  }

#define MULTIPLY_ADD(N, SUM, K, DIM)                                                          \
  EACH_ROW                                            \
      SUM[r] = fma(K, (float##N)(q[r][DIM]), SUM[r]);

// The same place in the next page's tile, while this one is read.
#define PREFETCH_KEY(STEP) PREFETCH(next + ((STEP) * tokens + token) * KEY_LANE_BYTES)

#if KEY_STEP == 1
#define KEY_ROWS(N)                                                                           \
  PREFETCH_KEY(dim);                                                                          \
  PREFETCH_KEY(dim + 1);                                                                      \
  float##N k0 = key_load##N(tile, tokens, dims, dim, token);                                        \
  float##N k1 = key_load##N(tile, tokens, dims, dim + 1, token);                                    \
  MULTIPLY_ADD(N, even, k0, dim)                                                              \
  MULTIPLY_ADD(N, odd, k1, dim + 1)
#define KEY_LAST_ROW(N)                                                                       \
  if (dim < last) {                                                                           \
    float##N k0 = key_load##N(tile, tokens, dims, dim, token);                                      \
    MULTIPLY_ADD(N, even, k0, dim)                                                            \
  }
#else
#define KEY_ROWS(N)                                                                           \
  PREFETCH_KEY(dim / KEY_STEP);                                                               \
  key_raw##N raw = key_load##N(tile, tokens, dims, dim / KEY_STEP, token);                          \
  _Pragma("unroll") for (int part = 0; part < KEY_STEP; part += 2) {                          \
    float##N k0 = key_part##N(raw, part);                                                     \
    float##N k1 = key_part##N(raw, part + 1);                                                 \
    MULTIPLY_ADD(N, even, k0, dim + part)                                                     \
    MULTIPLY_ADD(N, odd, k1, dim + part + 1)                                                  \
  }
// A group of one channel: the padded channels of its load are zero.
#define KEY_LAST_ROW(N)                                                                       \
  if (dim < last) {                                                                           \
    float##N k0 = key_part##N(key_load##N(tile, tokens, dims, dim / KEY_STEP, token), 0);           \
    MULTIPLY_ADD(N, even, k0, dim)                                                            \
  }
#endif

#if KEY_SCALED
#define KEY_TOTAL(N)                                                                          \
  PREFETCH(next + key_scales_place(tokens, dims, first / GROUP) + 2 * token);                 \
  float##N scale = key_scale##N(tile, tokens, dims, first / GROUP, token);                    \
  EACH_ROW                                            \
      total[r] = fma(even[r] + odd[r], scale, total[r]);
#else
#define KEY_TOTAL(N)                                                                          \
  EACH_ROW total[r] = even[r] + odd[r];
#endif

ROW_DOTS(8)
ROW_DOTS(16)

// Loads of 16 channels that one line of the cache holds.
#define VALUE_LOADS_OF_A_LINE (4 / VALUE_LANE_BYTES)

// out[r][dim...] = out * remains[r] + weights[r] . v over BLOCKS * 16 channels, and where values
// have mins the sum of those, each weighted.
#define ROW_SUMS(BLOCKS)                                                                      \
  inline __attribute__((always_inline)) void row_sums##BLOCKS(                                \
      bytes tile, bytes next, int tokens, int dims, int dim, const float* weights,            \
      const float* mins, const float* remains, const int* seen, __global float* const* out) { \
    float16 sum[ROW_BLOCK][BLOCKS];                                                           \
    EACH_ROW                                          \
    _Pragma("unroll") for (int b = 0; b < BLOCKS; b++) sum[r][b] = MINS_SUM(r);               \
    for (int token = 0; token < tokens; token += VALUE_STEP) {                                \
      value_raw16 raw[BLOCKS];                                                                \
      _Pragma("unroll") for (int b = 0; b < BLOCKS; b++) {                                    \
        raw[b] = value_load16(tile, tokens, dims, token / VALUE_STEP, dim + 16 * b);                  \
        if (b % VALUE_LOADS_OF_A_LINE == 0) {                                                 \
          PREFETCH(next + (token / VALUE_STEP * dims + dim + 16 * b) * VALUE_LANE_BYTES);     \
        }                                                                                     \
      }                                                                                       \
      _Pragma("unroll") for (int part = 0; part < VALUE_STEP; part++) {                       \
        float16 v[BLOCKS];                                                                    \
        _Pragma("unroll") for (int b = 0; b < BLOCKS; b++) v[b] = value_part16(raw[b], part); \
        EACH_ROW {                                    \
          float16 weight = weights[r * PAGE_TOKENS_MAX + token + part];                       \
          _Pragma("unroll") for (int b = 0; b < BLOCKS; b++)                                  \
              sum[r][b] = fma(weight, v[b], sum[r][b]);                                       \
        }                                                                                     \
      }                                                                                       \
    }                                                                                         \
    EACH_ROW {                                        \
      if (seen[r]) {                                                                          \
        _Pragma("unroll") for (int b = 0; b < BLOCKS; b++) {                                  \
          float16 old = vload16(b, out[r] + dim);                                             \
          vstore16(fma(old, (float16)(remains[r]), sum[r][b]), b, out[r] + dim);              \
        }                                                                                     \
      }                                                                                       \
    }                                                                                         \
  }

#if VALUE_OFFSET
#define MINS_SUM(r) mins[r]
#else
#define MINS_SUM(r) 0.0f
#endif

ROW_SUMS(1)
ROW_SUMS(2)

// The weights of one group of channels: those of the softmax, times the group's scales, and 0 for
// tokens that only fill a load up. With mins the sum of those, each weighted, too.
inline __attribute__((always_inline)) void scale_weights(
    bytes tile, bytes next, int tokens, int dims, int dim, const float* weights, float* scaled,
    float* mins) {
#if VALUE_SCALED
  if (dim % VALUE_GROUP != 0) {
    return;
  }
  const int group = dim / VALUE_GROUP;
  PREFETCH(next + value_scales_place(tokens, dims, group));
#if VALUE_STEP == 16
  if (tokens % 16 != 0) {
    EACH_ROW vstore8((float8)(0.0f), 0, scaled + r * PAGE_TOKENS_MAX + tokens);
  }
#endif
#if VALUE_OFFSET
  float8 min_sums[ROW_BLOCK];
  EACH_ROW min_sums[r] = 0.0f;
  for (int token = 0; token < tokens; token += 8) {
    float8 min = value_min8(tile, tokens, dims, group, token);
    EACH_ROW min_sums[r] =
        fma(vload8(0, weights + r * PAGE_TOKENS_MAX + token), min, min_sums[r]);
  }
  EACH_ROW mins[r] = sum_of(min_sums[r]);
#endif
  for (int token = 0; token < tokens; token += 8) {
    float8 scale = value_scale8(tile, tokens, dims, group, token);
    EACH_ROW {
      int at = r * PAGE_TOKENS_MAX + token;
      vstore8(vload8(0, weights + at) * scale, 0, scaled + at);
    }
  }
#endif
}

// Folds one tile pair into `rows` rows, of which those with seen[r] == 0 change nothing.
inline __attribute__((always_inline)) void fold_rows(
    bytes keys, bytes values, bytes next_keys, bytes next_values, const fold_args args,
    __global const float* const* q, const ulong* seen, __global float* const* max_at,
    __global float* const* sum_at, __global float* const* out) {
  float16 softened[ROW_BLOCK * PAGE_TOKENS_MAX / 16];
  float* weights = (float*)softened;
  float scaled[ROW_BLOCK * PAGE_TOKENS_MAX];
  float mins[ROW_BLOCK];
  float remains[ROW_BLOCK];
  int any[ROW_BLOCK];
  const int tokens = args.page_tokens;
  if (tokens % 16 == 0) {
    for (int token = 0; token < tokens; token += 16) {
      row_dots16(keys, next_keys, tokens, args.key_dim, token, q, weights);
    }
  } else {
    for (int token = 0; token < tokens; token += 8) {
      row_dots8(keys, next_keys, tokens, args.key_dim, token, q, weights);
    }
  }
  for (int r = 0; r < ROW_BLOCK; r++) {
    any[r] = seen[r] != 0;
    remains[r] = 1.0f;
    if (any[r]) {
      remains[r] = soften(softened + r * PAGE_TOKENS_MAX / 16, tokens, seen[r], args.scale,
                          args.soft_cap, max_at[r], sum_at[r]);
    }
  }
  const int dims = args.value_dim;
#if VALUE_SCALED
  const float* row_weights = scaled;
#else
  const float* row_weights = weights;
#endif
  int dim = 0;
  for (; dim + GROUP <= dims; dim += GROUP) {
    scale_weights(values, next_values, tokens, dims, dim, weights, scaled, mins);
    row_sums2(values, next_values, tokens, dims, dim, row_weights, mins, remains, any, out);
  }
  if (dim < dims) {
    scale_weights(values, next_values, tokens, dims, dim, weights, scaled, mins);
    if (dim + 16 <= dims) {
      row_sums1(values, next_values, tokens, dims, dim, row_weights, mins, remains, any, out);
      dim += 16;
    }
    for (; dim < dims; dim++) {
      for (int r = 0; r < ROW_BLOCK; r++) {
        if (any[r]) {
          float sum = MINS_SUM(r);
          for (int token = 0; token < tokens; token++) {
#if VALUE_SCALED
            float v = value_code_at(values, tokens, dims, token, dim);
#else
            float v = value_at(values, tokens, dims, token, dim);
#endif
            sum = fma(row_weights[r * PAGE_TOKENS_MAX + token], v, sum);
          }
          out[r][dim] = fma(out[r][dim], remains[r], sum);
        }
      }
    }
  }
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void fold(
    __global const fold_args* restrict arguments, SLABS_PARAMETERS,
    __global const page_row* restrict pages, __global const int* restrict split,
    __global const float* restrict queries, __global const int* restrict bounds,
    __global float* restrict scratch) {
  const fold_args args = *arguments;
  const int head = get_global_id(0);
  const int first_token = get_global_id(1) * args.block_tokens;
  const int block_tokens = min(args.block_tokens, args.query_tokens - first_token);
  const int split_index = get_global_id(2);
  const int first_page = split[split_index];
  const int end_page = split[split_index + 1];

  const int heads = args.heads * args.group;
  const long rows = (long)args.query_tokens * heads;
  __global float* maxes = scratch + split_index * rows;
  __global float* sums = scratch + (args.splits + split_index) * rows;
  __global float* outs = scratch + 2 * args.splits * rows + split_index * rows * args.value_dim;
  const int resumed = args.resumed && split_index == 0;
  for (int token = 0; token < block_tokens && !resumed; token++) {
    for (int g = 0; g < args.group; g++) {
      const long row = (long)(first_token + token) * heads + head * args.group + g;
      maxes[row] = NOTHING_SEEN;
      sums[row] = 0.0f;
      for (int dim = 0; dim < args.value_dim; dim++) {
        outs[row * args.value_dim + dim] = 0.0f;
      }
    }
  }

  for (int page = first_page; page < end_page; page++) {
    const page_row place = pages[page];
    bytes address = page_address(place, SLABS);
    bytes keys = address + head * args.key_tile_bytes;
    bytes values = address + args.heads * args.key_tile_bytes + head * args.value_tile_bytes;
    bytes next = page_address(pages[min(page + 1, end_page - 1)], SLABS);
    bytes next_keys = next + head * args.key_tile_bytes;
    bytes next_values = next + args.heads * args.key_tile_bytes + head * args.value_tile_bytes;
    // Rows of the block in order, those of neighbouring tokens side by side.
    const int block_rows = block_tokens * args.group;
    for (int first = 0; first < block_rows; first += ROW_BLOCK) {
      const int count = min(ROW_BLOCK, block_rows - first);
      __global const float* q[ROW_BLOCK];
      __global float* max_at[ROW_BLOCK];
      __global float* sum_at[ROW_BLOCK];
      __global float* out[ROW_BLOCK];
      ulong seen[ROW_BLOCK];
      ulong any = 0;
      EACH_ROW {
        // A block that is not full repeats its first row, which then sees nothing there.
        const int index = first + (r < count ? r : 0);
        const int token = first_token + index / args.group;
        const long row = (long)token * heads + head * args.group + index % args.group;
        q[r] = queries + row * args.query_stride;
        max_at[r] = maxes + row;
        sum_at[r] = sums + row;
        out[r] = outs + row * args.value_dim;
        seen[r] = r < count ? visible_slots(place, args.page_tokens, bounds[2 * token],
                                            bounds[2 * token + 1])
                            : 0;
        any |= seen[r];
      }
      if (any == 0) {
        continue;
      }
      fold_rows(keys, values, next_keys, next_values, args, q, seen, max_at, sum_at, out);
    }
  }
}
