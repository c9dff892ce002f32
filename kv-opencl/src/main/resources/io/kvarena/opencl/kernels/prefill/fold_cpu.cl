// Folds pages into attention states: the shape for CPUs and many queries. One work-item takes one KV
// head, a block of query tokens and one split. It decodes a page's tiles once, into memory that no
// other work-item sees, and takes all its rows over them. For every row it does what decode/fold_cpu.cl
// does, in the same order: the bits of a result do not depend on how a prompt was cut.
//
// fold   NDRange [heads][ceil(query_tokens / block_tokens)][splits], work-groups of one
//   args ... scratch   as in decode/fold_cpu.cl
//   tiles      local f32, with lanes = page_tokens rounded up to 16 and channels = value_dim rounded
//              up to 32: keys [key_dim up to 16][lanes], values [lanes][channels], then of every 32
//              channels of a key its scales [ceil(key_dim / 32)][lanes], and of every 32 of a value
//              its scales and its mins, each [ceil(value_dim / 32)][lanes]; ClProgram.java knows
//
// merge  in cpu.cl

// Query rows that share a pass over the values; half of them share one over the keys, whose two sums
// take twice the registers.
#define ROW_BLOCK 8
#define KEY_ROWS 4

#define PAGE_VECTORS (PAGE_TOKENS_MAX / 16)
#define STRIP 32            // channels of a pass over the values, two vectors

#define EACH(r, count) _Pragma("unroll") for (int r = 0; r < (count); r++)

typedef __local float* floats;
#define VECTOR(place) (*(__local float16*)(place))

#if KEY_SCALED
#define KEY_SPAN KEY_GROUP
#else
#define KEY_SPAN dims
#endif

KEY_VECTORS(8)
KEY_VECTORS(16)

// N tokens of all channels; the padding of a last load may follow the last channel.
#define DECODE_KEYS(N)                                                                    \
  inline void decode_keys##N(bytes tile, int tokens, int dims, int lanes, int token,      \
                             floats keys, floats scales) {                                \
    for (int step = 0; step * KEY_STEP < dims; step++) {                                  \
      key_raw##N raw = key_load##N(tile, tokens, dims, step, token);                      \
      EACH(part, KEY_STEP)                                                                \
      *(__local float##N*)(keys + (step * KEY_STEP + part) * lanes + token) =             \
          key_part##N(raw, part);                                                         \
    }                                                                                     \
    DECODE_KEY_SCALES(N)                                                                  \
  }

#if KEY_SCALED
#define DECODE_KEY_SCALES(N)                                                              \
  for (int first = 0; first < dims; first += KEY_SPAN) {                                  \
    *(__local float##N*)(scales + first / GROUP * lanes + token) =                        \
        key_scale##N(tile, tokens, dims, first / GROUP, token);                           \
  }
#else
#define DECODE_KEY_SCALES(N)
#endif

DECODE_KEYS(8)
DECODE_KEYS(16)

#if VALUE_SCALED
#define VALUE_NUMBER value_code_at
#else
#define VALUE_NUMBER value_at
#endif

// All channels of all tokens, without scales; zeros behind the last channel.
inline void decode_values(bytes tile, int tokens, int dims, int lanes, int channels, floats values,
                          floats scales, floats mins) {
  for (int token = 0; token < tokens; token += VALUE_STEP) {
    for (int dim = 0; dim + 16 <= dims; dim += 16) {
      value_raw16 raw = value_load16(tile, tokens, dims, token / VALUE_STEP, dim);
      EACH(part, VALUE_STEP)
      VECTOR(values + (token + part) * channels + dim) = value_part16(raw, part);
    }
  }
  for (int dim = dims / 16 * 16; dim < channels; dim++) {
    for (int token = 0; token < tokens; token++) {
      values[token * channels + dim] =
          dim < dims ? VALUE_NUMBER(tile, tokens, dims, token, dim) : 0.0f;
    }
  }
#if VALUE_SCALED
  for (int first = 0; first < dims; first += VALUE_GROUP) {
    const int group = first / VALUE_GROUP;
    for (int token = 0; token < lanes; token += 8) {
      __local float8* scale = (__local float8*)(scales + group * lanes + token);
      *scale = token < tokens ? value_scale8(tile, tokens, dims, group, token) : (float8)(0.0f);
#if VALUE_OFFSET
      __local float8* min = (__local float8*)(mins + group * lanes + token);
      *min = token < tokens ? value_min8(tile, tokens, dims, group, token) : (float8)(0.0f);
#endif
    }
  }
#endif
}

// dots[r][...] = q[r] . k over BLOCKS * 16 tokens.
#define ROW_DOTS(BLOCKS)                                                                  \
  inline __attribute__((always_inline)) void row_dots##BLOCKS(                            \
      floats keys, floats scales, int lanes, int dims, __global const float* const* q,    \
      float16* dots) {                                                                    \
    float16 total[KEY_ROWS][BLOCKS];                                                      \
    EACH(r, KEY_ROWS) EACH(b, BLOCKS) total[r][b] = 0.0f;                                 \
    for (int first = 0; first < dims; first += KEY_SPAN) {                                \
      const int last = min(dims, first + KEY_SPAN);                                       \
      float16 even[KEY_ROWS][BLOCKS], odd[KEY_ROWS][BLOCKS];                              \
      EACH(r, KEY_ROWS) EACH(b, BLOCKS) even[r][b] = odd[r][b] = 0.0f;                    \
      int dim = first;                                                                    \
      for (; dim + 1 < last; dim += 2) {                                                  \
        MULTIPLY_ADD(BLOCKS, even, dim)                                                   \
        MULTIPLY_ADD(BLOCKS, odd, dim + 1)                                                \
      }                                                                                   \
      if (dim < last) {                                                                   \
        MULTIPLY_ADD(BLOCKS, even, dim)                                                   \
      }                                                                                   \
      KEY_TOTAL(BLOCKS)                                                                   \
    }                                                                                     \
    EACH(r, KEY_ROWS) EACH(b, BLOCKS) dots[r * PAGE_VECTORS + b] = total[r][b];           \
  }

#define MULTIPLY_ADD(BLOCKS, SUM, DIM)                                                    \
  {                                                                                       \
    float16 k[BLOCKS];                                                                    \
    EACH(b, BLOCKS) k[b] = VECTOR(keys + (DIM) * lanes + 16 * b);                         \
    EACH(r, KEY_ROWS) {                                                                   \
      const float16 x = (float16)(q[r][DIM]);                                             \
      EACH(b, BLOCKS) SUM[r][b] = fma(k[b], x, SUM[r][b]);                                \
    }                                                                                     \
  }

#if KEY_SCALED
#define KEY_TOTAL(BLOCKS)                                                                 \
  EACH(b, BLOCKS) {                                                                       \
    const float16 scale = VECTOR(scales + first / GROUP * lanes + 16 * b);                \
    EACH(r, KEY_ROWS) total[r][b] = fma(even[r][b] + odd[r][b], scale, total[r][b]);      \
  }
#else
#define KEY_TOTAL(BLOCKS)                                                                 \
  EACH(r, KEY_ROWS) EACH(b, BLOCKS) total[r][b] = even[r][b] + odd[r][b];
#endif

ROW_DOTS(1)
ROW_DOTS(2)

// The weights of one group of channels: those of the softmax, times the group's scales; where values
// have mins the sum of those, each weighted, too.
inline __attribute__((always_inline)) void scale_weights(
    floats scales, floats mins, int lanes, const float16* weights, float16* scaled,
    float* min_sums) {
  for (int i = 0; i < lanes / 16; i++) {
    const float16 scale = VECTOR(scales + 16 * i);
    EACH(r, ROW_BLOCK) scaled[r * PAGE_VECTORS + i] = weights[r * PAGE_VECTORS + i] * scale;
  }
#if VALUE_OFFSET
  EACH(r, ROW_BLOCK) {
    float8 sum = 0.0f;
    for (int i = 0; i < lanes / 16; i++) {
      const float16 min = VECTOR(mins + 16 * i);
      sum = fma(weights[r * PAGE_VECTORS + i].lo, min.lo, sum);
      sum = fma(weights[r * PAGE_VECTORS + i].hi, min.hi, sum);
    }
    min_sums[r] = sum_of(sum);
  }
#endif
}

#if VALUE_OFFSET
#define MINS_SUM(r) min_sums[r]
#else
#define MINS_SUM(r) 0.0f
#endif

// out[r][...] = out * remains[r] + weights[r] . v over a strip of channels, of which `count` are real.
inline __attribute__((always_inline)) void row_sums(
    floats values, int tokens, int channels, int count, const float* weights,
    const float* min_sums, const float* remains, const ulong* seen, __global float* const* out) {
  float16 sum[ROW_BLOCK][2];
  EACH(r, ROW_BLOCK) EACH(b, 2) sum[r][b] = MINS_SUM(r);
  for (int token = 0; token < tokens; token++) {
    float16 v[2];
    EACH(b, 2) v[b] = VECTOR(values + token * channels + 16 * b);
    EACH(r, ROW_BLOCK) {
      const float16 weight = weights[r * PAGE_TOKENS_MAX + token];
      EACH(b, 2) sum[r][b] = fma(weight, v[b], sum[r][b]);
    }
  }
  EACH(r, ROW_BLOCK) {
    if (seen[r] == 0) {
      continue;
    }
    if (count >= STRIP) {
      EACH(b, 2) vstore16(fma(vload16(b, out[r]), (float16)(remains[r]), sum[r][b]), b, out[r]);
    } else {
      float some[STRIP];
      EACH(b, 2) vstore16(sum[r][b], b, some);
      for (int i = 0; i < count; i++) {
        out[r][i] = fma(out[r][i], remains[r], some[i]);
      }
    }
  }
}

// Where a page's numbers lie among the work-item's tiles.
typedef struct {
  int lanes;
  int channels;
  floats keys;
  floats values;
  floats key_scales;
  floats value_scales;
  floats value_mins;
} page_numbers;

inline page_numbers numbers_at(floats tiles, const fold_args args) {
  page_numbers at;
  at.lanes = round_up(args.page_tokens, 16);
  at.channels = round_up(args.value_dim, STRIP);
  at.keys = tiles;
  at.values = at.keys + round_up(args.key_dim, 16) * at.lanes;
  at.key_scales = at.values + at.lanes * at.channels;
  at.value_scales = at.key_scales + (args.key_dim + GROUP - 1) / GROUP * at.lanes;
  at.value_mins = at.value_scales + (args.value_dim + GROUP - 1) / GROUP * at.lanes;
  return at;
}

inline void decode_page(bytes keys, bytes values, const fold_args args, const page_numbers to) {
  const int tokens = args.page_tokens;
  if (tokens % 16 == 0) {
    for (int token = 0; token < tokens; token += 16) {
      decode_keys16(keys, tokens, args.key_dim, to.lanes, token, to.keys, to.key_scales);
    }
  } else {
    for (int token = 0; token < tokens; token += 8) {
      decode_keys8(keys, tokens, args.key_dim, to.lanes, token, to.keys, to.key_scales);
    }
  }
  decode_values(values, tokens, args.value_dim, to.lanes, to.channels, to.values, to.value_scales,
                to.value_mins);
}

// Folds a page into a block of rows, of which those with seen[r] == 0 change nothing.
inline __attribute__((always_inline)) void fold_rows(
    const page_numbers page, const fold_args args, __global const float* const* q,
    const ulong* seen, __global float* const* max_at, __global float* const* sum_at,
    __global float* const* out) {
  float16 weights[ROW_BLOCK * PAGE_VECTORS];
  float16 scaled[ROW_BLOCK * PAGE_VECTORS];
  float min_sums[ROW_BLOCK];
  float remains[ROW_BLOCK];
  const int tokens = args.page_tokens;
  for (int r = 0; r < ROW_BLOCK; r += KEY_ROWS) {
    int token = 0;
    for (; token + 32 <= page.lanes; token += 32) {
      row_dots2(page.keys + token, page.key_scales + token, page.lanes, args.key_dim, q + r,
                weights + r * PAGE_VECTORS + token / 16);
    }
    if (token < page.lanes) {
      row_dots1(page.keys + token, page.key_scales + token, page.lanes, args.key_dim, q + r,
                weights + r * PAGE_VECTORS + token / 16);
    }
  }
  for (int r = 0; r < ROW_BLOCK; r++) {
    remains[r] = soften(weights + r * PAGE_VECTORS, tokens, seen[r], args.scale, args.soft_cap,
                        max_at[r], sum_at[r]);
  }
#if VALUE_SCALED
  const float* row_weights = (const float*)scaled;
#else
  const float* row_weights = (const float*)weights;
#endif
  for (int dim = 0; dim < args.value_dim; dim += STRIP) {
#if VALUE_SCALED
    if (dim % VALUE_GROUP == 0) {
      const int group = dim / VALUE_GROUP * page.lanes;
      scale_weights(page.value_scales + group, page.value_mins + group, page.lanes, weights,
                    scaled, min_sums);
    }
#endif
    __global float* strip[ROW_BLOCK];
    EACH(r, ROW_BLOCK) strip[r] = out[r] + dim;
    row_sums(page.values + dim, tokens, page.channels, args.value_dim - dim, row_weights, min_sums,
             remains, seen, strip);
  }
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void fold(
    __global const fold_args* restrict arguments, SLABS_PARAMETERS,
    __global const page_row* restrict pages, __global const int* restrict split,
    __global const float* restrict queries, __global const int* restrict bounds,
    __global float* restrict scratch, floats tiles) {
  const fold_args args = *arguments;
  const int head = get_global_id(0);
  const int first_token = get_global_id(1) * args.block_tokens;
  const int block_tokens = min(args.block_tokens, args.query_tokens - first_token);
  const int block_rows = block_tokens * args.group;
  const int split_index = get_global_id(2);
  const page_numbers numbers = numbers_at(tiles, args);

  const int heads = args.heads * args.group;
  const long rows = (long)args.query_tokens * heads;
  __global float* maxes = scratch + split_index * rows;
  __global float* sums = scratch + (args.splits + split_index) * rows;
  __global float* outs = scratch + 2 * args.splits * rows + split_index * rows * args.value_dim;
  const int resumed = args.resumed && split_index == 0;
  for (int index = 0; index < block_rows && !resumed; index++) {
    const long row = (long)(first_token + index / args.group) * heads + head * args.group
        + index % args.group;
    maxes[row] = NOTHING_SEEN;
    sums[row] = 0.0f;
    for (int dim = 0; dim < args.value_dim; dim++) {
      outs[row * args.value_dim + dim] = 0.0f;
    }
  }

  for (int page = split[split_index]; page < split[split_index + 1]; page++) {
    const page_row place = pages[page];
    ulong any = 0;
    for (int token = first_token; token < first_token + block_tokens; token++) {
      any |= visible_slots(place, args.page_tokens, bounds[2 * token], bounds[2 * token + 1]);
    }
    if (any == 0) {
      continue;
    }
    bytes address = page_address(place, SLABS);
    decode_page(address + head * args.key_tile_bytes,
                address + args.heads * args.key_tile_bytes + head * args.value_tile_bytes, args,
                numbers);
    for (int first = 0; first < block_rows; first += ROW_BLOCK) {
      __global const float* q[ROW_BLOCK];
      __global float* max_at[ROW_BLOCK];
      __global float* sum_at[ROW_BLOCK];
      __global float* out[ROW_BLOCK];
      ulong seen[ROW_BLOCK];
      ulong any_of_rows = 0;
      for (int r = 0; r < ROW_BLOCK; r++) {
        // A block that is not full repeats its first row, which then sees nothing there.
        const int index = first + (first + r < block_rows ? r : 0);
        const int token = first_token + index / args.group;
        const long row = (long)token * heads + head * args.group + index % args.group;
        q[r] = queries + row * args.query_stride;
        max_at[r] = maxes + row;
        sum_at[r] = sums + row;
        out[r] = outs + row * args.value_dim;
        seen[r] = first + r < block_rows ? visible_slots(place, args.page_tokens, bounds[2 * token],
                                                         bounds[2 * token + 1])
                                         : 0;
        any_of_rows |= seen[r];
      }
      if (any_of_rows != 0) {
        fold_rows(numbers, args, q, seen, max_at, sum_at, out);
      }
    }
  }
}
