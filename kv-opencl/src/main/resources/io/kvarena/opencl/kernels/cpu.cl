// What both shapes for CPUs share: the softmax of a row over a page, and kernel merge.
//
// merge  NDRange [rows], work-groups of one
//   scratch    f32, the splits' states as fold leaves them
//   state      f32: max [rows], sum [rows], out [rows][value_dim]; takes in the splits in order

// Turns a row's dots into weights relative to the new maximum; returns how much of the old state
// remains. A slot that is not seen weighs exactly 0, whatever its dot.
inline __attribute__((always_inline)) float soften(
    float16* row, int tokens, ulong seen, float scale, float soft_cap, __global float* max_at,
    __global float* sum_at) {
  const int16 lane_bit = (int16)(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192,
                                 16384, 32768);
  float16 largest = NOTHING_SEEN;
  for (int i = 0; i < tokens; i += 16) {
    int16 masked = ((int16)((int)(seen >> i)) & lane_bit) == (int16)(0);
    float16 x = logits_of(row[i / 16], scale, soft_cap);
    x = select(x, (float16)(NOTHING_SEEN), masked);
    row[i / 16] = x;
    largest = max(largest, x);
  }
  const float before = *max_at;
  const float after = max(before, max_of(max(largest.lo, largest.hi)));
  float8 sum = 0.0f;
  for (int i = 0; i < tokens; i += 16) {
    int16 masked = ((int16)((int)(seen >> i)) & lane_bit) == (int16)(0);
    float16 weight = exp_below16(row[i / 16] - after);
    weight = select(weight, (float16)(0.0f), masked);
    row[i / 16] = weight;
    sum += weight.lo;
    sum += weight.hi;
  }
  // exp(0) is exactly 1, and after a few pages the maximum seldom moves.
  const float remains = after == before ? 1.0f : exp_below_scalar(before - after);
  *max_at = after;
  *sum_at = fma(*sum_at, remains, sum_of(sum));
  return remains;
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void merge(
    __global const fold_args* restrict arguments, __global const float* restrict scratch,
    __global float* restrict state) {
  const fold_args args = *arguments;
  const long row = get_global_id(0);
  const long rows = (long)args.query_tokens * args.heads * args.group;
  const int dims = args.value_dim;
  __global float* out = state + 2 * rows + row * dims;
  float largest = state[row];
  float sum = state[rows + row];
  for (int split = 0; split < args.splits; split++) {
    const float split_sum = scratch[(args.splits + split) * rows + row];
    if (split_sum == 0.0f) {
      continue;
    }
    const float split_max = scratch[split * rows + row];
    const float after = max(largest, split_max);
    const float8 weights = exp_below((float8)(largest - after, split_max - after,
                                              0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f));
    const float mine = weights.s0;
    const float theirs = weights.s1;
    __global const float* from =
        scratch + 2 * args.splits * rows + (split * rows + row) * dims;
    int dim = 0;
    for (; dim + 16 <= dims; dim += 16) {
      float16 old = vload16(0, out + dim) * mine;
      vstore16(fma(vload16(0, from + dim), (float16)(theirs), old), 0, out + dim);
    }
    for (; dim < dims; dim++) {
      out[dim] = fma(from[dim], theirs, out[dim] * mine);
    }
    largest = after;
    sum = fma(split_sum, theirs, sum * mine);
  }
  state[row] = largest;
  state[rows + row] = sum;
}
