// Folds pages into attention states: the shape for GPUs. A work-group of LANES work-items takes
// ROW_BLOCK query heads of one KV head, one query token and one split (a stretch of pages). Its
// work-items share out (row, token) pairs while it reads keys and channels while it reads values,
// so that neighbours read neighbouring memory.
//
// fold   NDRange [LANES * heads * ceil(group / ROW_BLOCK)][query_tokens][splits], groups of LANES
// merge  in gpu.cl
//
// The buffers are those of fold_cpu.cl.

// Query heads that share one pass over a tile: each takes 4 KiB of local memory.
#define ROW_BLOCK 4

#define DIM_MAX 1024
#define DIMS_PER_LANE (DIM_MAX / LANES)

__kernel __attribute__((reqd_work_group_size(LANES, 1, 1))) void fold(
    __global const fold_args* restrict arguments, SLABS_PARAMETERS,
    __global const page_row* restrict pages, __global const int* restrict split,
    __global const float* restrict queries, __global const int* restrict bounds,
    __global float* restrict scratch) {
  __local float q[ROW_BLOCK][DIM_MAX];
  __local float weights[ROW_BLOCK][PAGE_TOKENS_MAX];
  __local float largest[ROW_BLOCK], sums[ROW_BLOCK], remains[ROW_BLOCK];
  const fold_args args = *arguments;
  const int lane = get_local_id(0);
  const int blocks = (args.group + ROW_BLOCK - 1) / ROW_BLOCK;
  const int head = get_group_id(0) / blocks;
  const int first = get_group_id(0) % blocks * ROW_BLOCK;
  const int count = min(ROW_BLOCK, args.group - first);
  const int token = get_global_id(1);
  const int split_index = get_global_id(2);

  const long rows = (long)args.query_tokens * args.heads * args.group;
  const long row = ((long)token * args.heads + head) * args.group + first;
  __global float* max_at = scratch + split_index * rows + row;
  __global float* sum_at = scratch + (args.splits + split_index) * rows + row;
  __global float* out =
      scratch + 2 * args.splits * rows + (split_index * rows + row) * args.value_dim;
  const int resumed = args.resumed && split_index == 0;

  float sum[ROW_BLOCK][DIMS_PER_LANE];
  for (int r = 0; r < ROW_BLOCK; r++) {
    for (int i = 0; i < DIMS_PER_LANE; i++) {
      const int dim = lane + i * LANES;
      const int held = resumed && r < count && dim < args.value_dim;
      sum[r][i] = held ? out[r * args.value_dim + dim] : 0.0f;
    }
    for (int dim = lane; dim < args.key_dim; dim += LANES) {
      q[r][dim] = r < count ? queries[(row + r) * args.query_stride + dim] : 0.0f;
    }
  }
  if (lane < ROW_BLOCK) {
    largest[lane] = resumed && lane < count ? max_at[lane] : NOTHING_SEEN;
    sums[lane] = resumed && lane < count ? sum_at[lane] : 0.0f;
  }
  barrier(CLK_LOCAL_MEM_FENCE);

  for (int page = split[split_index]; page < split[split_index + 1]; page++) {
    const page_row place = pages[page];
    const ulong seen =
        visible_slots(place, args.page_tokens, bounds[2 * token], bounds[2 * token + 1]);
    if (seen == 0) {
      continue;
    }
    bytes address = page_address(place, SLABS);
    bytes keys = address + head * args.key_tile_bytes;
    bytes values = address + args.heads * args.key_tile_bytes + head * args.value_tile_bytes;
    for (int i = lane; i < count * args.page_tokens; i += LANES) {
      const int r = i / args.page_tokens;
      const int slot = i % args.page_tokens;
      float dot = 0.0f;
      for (int dim = 0; dim < args.key_dim; dim++) {
        dot = fma(key_at(keys, args.page_tokens, args.key_dim, slot, dim), q[r][dim], dot);
      }
      float x = dot * args.scale;
      if (args.soft_cap > 0.0f) {
        x = args.soft_cap * tanh(x / args.soft_cap);
      }
      weights[r][slot] = (seen >> slot) & 1 ? x : NOTHING_SEEN;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    if (lane < count) {
      const float before = largest[lane];
      float after = before;
      for (int slot = 0; slot < args.page_tokens; slot++) {
        after = max(after, weights[lane][slot]);
      }
      float total = 0.0f;
      for (int slot = 0; slot < args.page_tokens; slot++) {
        float weight = (seen >> slot) & 1 ? exp_below_scalar(weights[lane][slot] - after) : 0.0f;
        weights[lane][slot] = weight;
        total += weight;
      }
      remains[lane] = exp_below_scalar(before - after);
      largest[lane] = after;
      sums[lane] = fma(sums[lane], remains[lane], total);
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int i = 0; i < DIMS_PER_LANE; i++) {
      const int dim = lane + i * LANES;
      if (dim < args.value_dim) {
        float page_sum[ROW_BLOCK];
        for (int r = 0; r < ROW_BLOCK; r++) {
          page_sum[r] = 0.0f;
        }
        for (int slot = 0; slot < args.page_tokens; slot++) {
          const float v = value_at(values, args.page_tokens, args.value_dim, slot, dim);
          for (int r = 0; r < count; r++) {
            page_sum[r] = fma(weights[r][slot], v, page_sum[r]);
          }
        }
        for (int r = 0; r < count; r++) {
          sum[r][i] = fma(sum[r][i], remains[r], page_sum[r]);
        }
      }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
  }

  for (int r = 0; r < count; r++) {
    for (int i = 0; i < DIMS_PER_LANE; i++) {
      const int dim = lane + i * LANES;
      if (dim < args.value_dim) {
        out[r * args.value_dim + dim] = sum[r][i];
      }
    }
  }
  if (lane < count) {
    max_at[lane] = largest[lane];
    sum_at[lane] = sums[lane];
  }
}
