// Folds pages into attention states: the shape for GPUs and many queries. A work-group of LANES
// work-items takes up to ROW_BLOCK query rows of one KV head, rows of neighbouring tokens side by
// side, and one split. A strip of a page's keys is decoded once, into local memory, and a value once,
// by the work-item that has its channel; all rows use both. For every row it does what
// decode/fold_gpu.cl does, in the same order: the bits of a result do not depend on how a prompt
// was cut.
//
// fold   NDRange [LANES * heads * ceil(block_tokens * group / ROW_BLOCK)]
//                [ceil(query_tokens / block_tokens)][splits], groups of LANES
// merge  in gpu.cl
//
// The buffers are those of decode/fold_cpu.cl.

// Query rows of a work-group, each with 384 bytes of local memory.
#define ROW_BLOCK 16

#define STRIP 32            // channels of keys that are decoded at a time, 8 KiB of local memory
#define DOTS_PER_LANE ((ROW_BLOCK * PAGE_TOKENS_MAX + LANES - 1) / LANES)

__kernel __attribute__((reqd_work_group_size(LANES, 1, 1))) void fold(
    __global const fold_args* restrict arguments, SLABS_PARAMETERS,
    __global const page_row* restrict pages, __global const int* restrict split,
    __global const float* restrict queries, __global const int* restrict bounds,
    __global float* restrict scratch) {
  __local float k[STRIP * PAGE_TOKENS_MAX];
  __local float q[ROW_BLOCK][STRIP];
  __local float weights[ROW_BLOCK][PAGE_TOKENS_MAX];
  __local float largest[ROW_BLOCK], sums[ROW_BLOCK], remains[ROW_BLOCK];
  __local ulong seen[ROW_BLOCK];
  const fold_args args = *arguments;
  const int lane = get_local_id(0);
  const int tokens = args.page_tokens;
  const int first_token = get_global_id(1) * args.block_tokens;
  const int block_tokens = min(args.block_tokens, args.query_tokens - first_token);
  const int blocks = (args.block_tokens * args.group + ROW_BLOCK - 1) / ROW_BLOCK;
  const int head = get_group_id(0) / blocks;
  const int first = get_group_id(0) % blocks * ROW_BLOCK;
  const int count = clamp(block_tokens * args.group - first, 0, ROW_BLOCK);
  const int split_index = get_global_id(2);

  const int heads = args.heads * args.group;
  const long rows = (long)args.query_tokens * heads;
  __global float* max_at = scratch + split_index * rows;
  __global float* sum_at = scratch + (args.splits + split_index) * rows;
  __global float* out = scratch + 2 * args.splits * rows + split_index * rows * args.value_dim;
  const int resumed = args.resumed && split_index == 0;
#define TOKEN(r) (first_token + (first + (r)) / args.group)
#define ROW(r) ((long)TOKEN(r) * heads + head * args.group + (first + (r)) % args.group)

  if (lane < ROW_BLOCK) {
    largest[lane] = resumed && lane < count ? max_at[ROW(lane)] : NOTHING_SEEN;
    sums[lane] = resumed && lane < count ? sum_at[ROW(lane)] : 0.0f;
  }
  for (int r = 0; r < count && !resumed; r++) {
    for (int dim = lane; dim < args.value_dim; dim += LANES) {
      out[ROW(r) * args.value_dim + dim] = 0.0f;
    }
  }

  for (int page = split[split_index]; page < split[split_index + 1]; page++) {
    const page_row place = pages[page];
    ulong any = 0;
    for (int r = 0; r < count; r++) {
      any |= visible_slots(place, tokens, bounds[2 * TOKEN(r)], bounds[2 * TOKEN(r) + 1]);
    }
    if (any == 0) {
      continue;
    }
    bytes address = page_address(place, SLABS);
    bytes keys = address + head * args.key_tile_bytes;
    bytes values = address + args.heads * args.key_tile_bytes + head * args.value_tile_bytes;
    if (lane < ROW_BLOCK) {
      seen[lane] = lane < count ? visible_slots(place, tokens, bounds[2 * TOKEN(lane)],
                                                bounds[2 * TOKEN(lane) + 1])
                                : 0;
    }

    float dots[DOTS_PER_LANE];
    for (int i = 0; i < DOTS_PER_LANE; i++) {
      dots[i] = 0.0f;
    }
    for (int strip = 0; strip < args.key_dim; strip += STRIP) {
      const int dims = min(STRIP, args.key_dim - strip);
      for (int i = lane; i < dims * tokens; i += LANES) {
        k[i] = key_at(keys, tokens, args.key_dim, i % tokens, strip + i / tokens);
      }
      for (int i = lane; i < count * STRIP; i += LANES) {
        const int r = i / STRIP;
        const int dim = i % STRIP;
        q[r][dim] = dim < dims ? queries[ROW(r) * args.query_stride + strip + dim] : 0.0f;
      }
      barrier(CLK_LOCAL_MEM_FENCE);
      for (int i = 0; i < DOTS_PER_LANE; i++) {
        const int pair = lane + i * LANES;
        if (pair < count * tokens) {
          for (int dim = 0; dim < dims; dim++) {
            dots[i] = fma(k[dim * tokens + pair % tokens], q[pair / tokens][dim], dots[i]);
          }
        }
      }
      barrier(CLK_LOCAL_MEM_FENCE);
    }
    for (int i = 0; i < DOTS_PER_LANE; i++) {
      const int pair = lane + i * LANES;
      if (pair < ROW_BLOCK * tokens) {
        float x = dots[i] * args.scale;
        if (args.soft_cap > 0.0f) {
          x = args.soft_cap * tanh(x / args.soft_cap);
        }
        const int visible = (seen[pair / tokens] >> (pair % tokens)) & 1;
        weights[pair / tokens][pair % tokens] = visible ? x : NOTHING_SEEN;
      }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    if (lane < ROW_BLOCK) {
      float after = largest[lane];
      for (int slot = 0; slot < tokens; slot++) {
        after = max(after, weights[lane][slot]);
      }
      remains[lane] = exp_below_scalar(largest[lane] - after);
      largest[lane] = after;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int pair = lane; pair < ROW_BLOCK * tokens; pair += LANES) {
      const int r = pair / tokens;
      const int slot = pair % tokens;
      const int visible = (seen[r] >> slot) & 1;
      weights[r][slot] = visible ? exp_below_scalar(weights[r][slot] - largest[r]) : 0.0f;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    if (lane < ROW_BLOCK) {
      float total = 0.0f;
      for (int slot = 0; slot < tokens; slot++) {
        total += weights[lane][slot];
      }
      sums[lane] = fma(sums[lane], remains[lane], total);
    }
    for (int dim = lane; dim < args.value_dim; dim += LANES) {
      float page_sum[ROW_BLOCK];
      for (int r = 0; r < ROW_BLOCK; r++) {
        page_sum[r] = 0.0f;
      }
      for (int slot = 0; slot < tokens; slot++) {
        const float v = value_at(values, tokens, args.value_dim, slot, dim);
        for (int r = 0; r < ROW_BLOCK; r++) {
          page_sum[r] = fma(weights[r][slot], v, page_sum[r]);
        }
      }
      for (int r = 0; r < count; r++) {
        if (seen[r] != 0) {
          __global float* sum = out + ROW(r) * args.value_dim + dim;
          *sum = fma(*sum, remains[r], page_sum[r]);
        }
      }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
  }

  if (lane < count) {
    max_at[ROW(lane)] = largest[lane];
    sum_at[ROW(lane)] = sums[lane];
  }
}
