/*
 * The fold for one instruction set. A file that includes this has included a kv_simd_*.h and
 * defined KV_FOLD, the name of the function to make.
 *
 * For each page and KV head the rows that share the tile, (query token, query head of the group),
 * are taken ROWS_MAX at a time: logits from the keys, one step of the running softmax for the page,
 * then the weighted values. A tile comes from memory once for all its rows, and the tile that is
 * wanted after it is prefetched meanwhile.
 */
#include "kv_fold.h"

#include <stddef.h>

#include "kv_math.h"
#include "kv_tile.h"

/* State that is worked on while pages stream by; it should stay in the second-level cache. */
#ifndef STATE_BYTES
#define STATE_BYTES (128 * 1024)
#endif

typedef void logits_function(int rows, const kv_tile *keys, const float *const *queries,
                             float (*logits)[KV_TOKENS_MAX]);
typedef void values_function(int rows, const kv_tile *values, float (*weights)[KV_TOKENS_MAX],
                             const float *rescale, float *const *out);

/* The functions of a format: one copy for each number of rows that are worked on together. */
#define FOR_ROWS(rows, function, format, ...)                                      \
  do {                                                                             \
    if (ROWS_MAX >= 8 && (rows) == 8) {                                            \
      function(format, ROWS_MAX >= 8 ? 8 : 1, __VA_ARGS__);                        \
    } else if ((rows) == 4) {                                                      \
      function(format, 4, __VA_ARGS__);                                            \
    } else if ((rows) == 2) {                                                      \
      function(format, 2, __VA_ARGS__);                                            \
    } else {                                                                       \
      function(format, 1, __VA_ARGS__);                                            \
    }                                                                              \
  } while (0)

#define FORMAT_FUNCTIONS(name, format)                                                        \
  static void logits_##name(int rows, const kv_tile *keys, const float *const *queries,       \
                            float (*logits)[KV_TOKENS_MAX]) {                                 \
    FOR_ROWS(rows, tile_logits, format, keys, queries, logits);                               \
  }                                                                                           \
  static void values_##name(int rows, const kv_tile *values, float (*weights)[KV_TOKENS_MAX], \
                            const float *rescale, float *const *out) {                        \
    FOR_ROWS(rows, tile_values, format, values, weights, rescale, out);                       \
  }

FORMAT_FUNCTIONS(f32, KV_F32)
FORMAT_FUNCTIONS(f16, KV_F16)
FORMAT_FUNCTIONS(bf16, KV_BF16)
FORMAT_FUNCTIONS(q8_0, KV_Q8_0)
FORMAT_FUNCTIONS(q4_0, KV_Q4_0)

static logits_function *const LOGITS[KV_FORMATS] = {logits_f32, logits_f16, logits_bf16,
                                                    logits_q8_0, logits_q4_0};
static values_function *const VALUES[KV_FORMATS] = {values_f32, values_f16, values_bf16,
                                                    values_q8_0, values_q4_0};

/* The slots of a page that a query token sees: live, and at a position within its bounds. */
static uint64_t visible(const kv_page *page, int tokens, const int32_t *bounds) {
  int64_t from = (int64_t)bounds[0] - page->position;
  int64_t to = (int64_t)bounds[1] - page->position + 1;
  from = from < 0 ? 0 : from;
  to = to > tokens ? tokens : to;
  return from >= to ? 0 : page->live & (~UINT64_C(0) >> (64 - to)) & (~UINT64_C(0) << from);
}

/*
 * One step of a row's running softmax: turns the page's logits into weights relative to the new
 * maximum, exactly 0 where not `seen`, and answers what the row's sums so far shrink by.
 */
static float soften(const kv_fold *fold, uint64_t seen, float *logits, float *max, float *sum) {
  const vf nothing = v_set(-3e38f);
  vf highest = nothing;
  for (int i = 0; i < fold->page_tokens; i += LANES) {
    vf x = v_mul(v_load(logits + i), v_set(fold->scale));
    if (fold->soft_cap > 0) {
      x = v_mul(v_tanh(v_div(x, v_set(fold->soft_cap))), v_set(fold->soft_cap));
    }
    v_store(logits + i, x);
    highest = v_max(highest, v_if_bit(seen >> i, x, nothing));
  }
  const float before = *max;
  const float page_max = v_highest(highest);
  const float now = page_max > before ? page_max : before;
  vf total = v_zero();
  for (int i = 0; i < fold->page_tokens; i += LANES) {
    vf x = v_exp(v_sub(v_load(logits + i), v_set(now)));
    x = v_if_bit(seen >> i, x, v_zero());
    v_store(logits + i, x);
    total = v_add(total, x);
  }
  float rescale = 1;
  if (now > before) {
    float all[LANES];
    v_store(all, v_exp(v_set(before - now)));
    rescale = all[0];
  }
  *max = now;
  *sum = *sum * rescale + v_total(total);
  return rescale;
}

/* Folds a page's tiles of one KV head into `rows` rows from `first` on; a row is (token, g). */
static void fold_tiles(const kv_fold *fold, logits_function *to_logits, values_function *to_values,
                       const kv_page *page, int head, int64_t first, int64_t rows, int64_t ahead) {
  kv_tile keys = {page->address + head * fold->key_tile_bytes, ahead, fold->page_tokens,
                  fold->key_dim};
  kv_tile values = {page->address + fold->values_offset + head * fold->value_tile_bytes, ahead,
                    fold->page_tokens, fold->value_dim};
  int64_t token = first / fold->group;
  int32_t g = (int32_t)(first % fold->group);
  int count;
  for (; rows > 0; rows -= count) {
    count = rows >= 8 && ROWS_MAX >= 8 ? 8 : rows >= 4 ? 4 : rows >= 2 ? 2 : 1;
    const float *queries[ROWS_MAX];
    int64_t state[ROWS_MAX];
    uint64_t seen[ROWS_MAX];
    uint64_t any = 0;
    for (int r = 0; r < count; r++) {
      const int64_t query_head = (int64_t)head * fold->group + g;
      queries[r] = fold->queries + token * fold->query_stride + query_head * fold->key_dim;
      state[r] = token * fold->state_stride + fold->first_row + query_head;
      seen[r] = visible(page, fold->page_tokens, fold->bounds + 2 * token);
      any |= seen[r];
      if (++g == fold->group) {
        g = 0;
        token++;
      }
    }
    if (!any) {
      continue;
    }
    float weights[ROWS_MAX][KV_TOKENS_MAX] __attribute__((aligned(64)));
    float rescale[ROWS_MAX];
    float *out[ROWS_MAX];
    to_logits(count, &keys, queries, weights);
    for (int r = 0; r < count; r++) {
      out[r] = NULL;
      if (seen[r]) {
        out[r] = fold->out + state[r] * fold->value_dim;
        rescale[r] = soften(fold, seen[r], weights[r], fold->max + state[r], fold->sum + state[r]);
      }
    }
    to_values(count, &values, weights, rescale, out);
    keys.ahead = values.ahead = 0;
  }
}

static int shape_is_good(const kv_fold *fold) {
  return fold->query_tokens >= 0 && fold->heads > 0 && fold->group > 0 && fold->key_dim > 0 &&
         fold->key_dim <= KV_CHANNELS_MAX && fold->value_dim > 0 &&
         fold->value_dim <= KV_CHANNELS_MAX && fold->page_tokens >= 8 &&
         fold->page_tokens <= KV_TOKENS_MAX && fold->page_tokens % 8 == 0 && fold->pages >= 0;
}

int32_t KV_FOLD(int32_t key_format, int32_t value_format, const kv_fold *fold,
                const kv_page *pages) {
  if ((uint32_t)key_format >= KV_FORMATS || (uint32_t)value_format >= KV_FORMATS) {
    return KV_BAD_FORMAT;
  }
  if (!shape_is_good(fold)) {
    return KV_BAD_SHAPE;
  }
  logits_function *const to_logits = LOGITS[key_format];
  values_function *const to_values = VALUES[value_format];
  // One query token: read each page from end to end, which suits the hardware's own prefetching.
  // More: one head at a time over all pages, with as many rows as the state may take.
  const int span = fold->query_tokens == 1 ? fold->heads : 1;
  const int64_t rows = (int64_t)fold->query_tokens * fold->group;
  int64_t block = STATE_BYTES / (4 * fold->value_dim);
  block = span > 1 || block > rows ? rows : block;
  for (int from_head = 0; from_head < fold->heads; from_head += span) {
    for (int64_t row = 0; row < rows; row += block) {
      const int64_t count = rows - row < block ? rows - row : block;
      for (int i = 0; i < fold->pages; i++) {
        const int64_t next =
            i + 1 < fold->pages ? pages[i + 1].address - pages[i].address : 0;
        for (int head = from_head; head < from_head + span; head++) {
          fold_tiles(fold, to_logits, to_values, &pages[i], head, row, count, next);
        }
      }
    }
  }
  return KV_OK;
}
