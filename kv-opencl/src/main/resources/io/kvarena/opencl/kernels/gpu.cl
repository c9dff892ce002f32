// What both shapes for GPUs share: the size of a work-group, and kernel merge.
//
// merge  NDRange [LANES * rows], groups of LANES
//   scratch    f32, the splits' states as fold leaves them
//   state      f32: max [rows], sum [rows], out [rows][value_dim]; takes in the splits in order

// Work-items of a group: a power of two, 32 to 256.
#ifndef LANES
#define LANES 128
#endif

__kernel __attribute__((reqd_work_group_size(LANES, 1, 1))) void merge(
    __global const fold_args* restrict arguments, __global const float* restrict scratch,
    __global float* restrict state) {
  const fold_args args = *arguments;
  const int lane = get_local_id(0);
  const long row = get_group_id(0);
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
    const float mine = exp_below_scalar(largest - after);
    const float theirs = exp_below_scalar(split_max - after);
    __global const float* from =
        scratch + 2 * args.splits * rows + (split * rows + row) * dims;
    for (int dim = lane; dim < dims; dim += LANES) {
      out[dim] = fma(from[dim], theirs, out[dim] * mine);
    }
    largest = after;
    sum = fma(split_sum, theirs, sum * mine);
  }
  // Every work-item has read the row's maximum and sum before one of them replaces them.
  barrier(CLK_GLOBAL_MEM_FENCE);
  if (lane == 0) {
    state[row] = largest;
    state[rows + row] = sum;
  }
}
